/** What a key or a token is made of. Anything else (a newline, say) is refused by HTTP with an error that quotes it. */
export const SECRET_TEXT = /^[\x21-\x7e]+$/;

/**
 * The token that Hugging Face's own login stored: the file of HF_TOKEN_PATH, else `token` in HF_HOME, else in
 * `huggingface` below XDG_CACHE_HOME or ~/.cache (huggingface_hub, constants.py). Null where there is none.
 */
export function findHubLogin(inputs: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly readFile: (path: string) => string | null;
}): { readonly value: string; readonly where: string } | null {
  const { env, home } = inputs;
  const cache = env.XDG_CACHE_HOME || `${home}/.cache`;
  const path = env.HF_TOKEN_PATH || `${env.HF_HOME || `${cache}/huggingface`}/token`;
  const full = path.startsWith('~/') ? home + path.slice(1) : path;
  const token = inputs.readFile(full)?.trim() ?? '';
  // A token is one short line; anything else in that place is not ours to send anywhere.
  return token.length > 500 || !SECRET_TEXT.test(token) ? null : { value: token, where: full };
}
