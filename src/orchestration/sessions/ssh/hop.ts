import type { Buffer } from 'node:buffer';
import { Duplex } from 'node:stream';
import type { Client, ClientChannel } from 'ssh2';

/** A connection to a host as another's connection carries it (ProxyJump). */
export function carriedBy(through: Client, to: { readonly host: string; readonly port: number }): Promise<Duplex> {
  return new Promise((resolve, reject) => {
    through.forwardOut('127.0.0.1', 0, to.host, to.port, (error, channel) => {
      if (error) reject(error);
      else resolve(new CarriedSocket(channel));
    });
  });
}

/**
 * A channel as a socket: ssh2's channels never tell that they were destroyed, so a client over one that is given up
 * would never be closed.
 */
class CarriedSocket extends Duplex {
  readonly #channel: ClientChannel;

  constructor(channel: ClientChannel) {
    super();
    this.#channel = channel;
    channel.on('data', (bytes: Buffer) => {
      if (!this.push(bytes)) channel.pause();
    });
    channel.on('end', () => this.push(null));
    channel.on('error', (error: Error) => this.destroy(error));
    channel.on('close', () => this.destroy());
  }

  override _read(): void {
    this.#channel.resume();
  }

  override _write(bytes: Buffer, _encoding: string, done: (error?: Error | null) => void): void {
    this.#channel.write(bytes, done);
  }

  override _final(done: () => void): void {
    this.#channel.end();
    done();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#channel.close();
    done(error);
  }
}
