/** Where one connection goes and by which rules, all of it decided. */
export type Target = {
  /** `user@host:port`. */
  readonly description: string;
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly identity: string | undefined;
  readonly identityFiles: readonly string[];
  readonly identitiesOnly: boolean;
  readonly agentSocket: string | undefined;
  readonly knownHosts: readonly string[];
  readonly hostKeyAlias: string | undefined;
  readonly unknownHostKey: 'accept' | 'ask' | 'refuse';
};

export type ConnectDeps = {
  /** The user's home folder here: `~`. */
  readonly home: string;
  /** SSH_AUTH_SOCK is read from it. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Our own known_hosts file, in the state folder: accepted keys go there, and it is read. */
  readonly stateKnownHosts: string;
  /** Asks whether a host's unknown key is the right one; undefined where there is no terminal. */
  readonly confirmHostKey?: ((question: HostKeyQuestion) => Promise<boolean>) | undefined;
  /** Asks for the passphrase of a key; undefined, or undefined answered, where there is nobody to ask. */
  readonly passphrase?: ((path: string) => Promise<string | undefined>) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onNotice?: ((text: string) => void) | undefined;
};

export type HostKeyQuestion = {
  /** As it would stand in known_hosts: `host` or `[host]:port`. */
  readonly host: string;
  /** e.g. `ssh-ed25519` */
  readonly type: string;
  /** `SHA256:…` */
  readonly fingerprint: string;
};
