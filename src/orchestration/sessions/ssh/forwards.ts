import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { AcceptConnection, Client, ClientChannel, RejectConnection, TcpConnectionDetails } from 'ssh2';
import { GpuEvalError } from '../../../core/errors.ts';
import type { Forward } from '../../../core/session.ts';

const LOOPBACK = '127.0.0.1';

/** Joins two connections: what one says the other hears, ends are passed on, and where one breaks the other does. */
function join(a: Duplex, b: Duplex): void {
  for (const [from, to] of [
    [a, b],
    [b, a],
  ] as const) {
    from.pipe(to);
    from.on('error', () => to.destroy());
    from.on('close', () => to.destroy());
  }
}

/** Listens on a free port of our loopback and carries each connection to a port of the box's loopback. */
export async function openForward(client: Client, remotePort: number): Promise<Forward> {
  const sockets = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    socket.on('error', () => socket.destroy());
    try {
      client.forwardOut(LOOPBACK, socket.remotePort ?? 0, LOOPBACK, remotePort, (error, channel) => {
        // Nobody listens there, or forwarding is not allowed: the same as a refused connection.
        if (error) socket.destroy();
        else join(socket, channel);
      });
    } catch {
      socket.destroy();
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, LOOPBACK, resolve);
  });
  const stop = () => {
    for (const socket of sockets) socket.destroy();
    server.close();
  };
  client.once('close', stop);
  const address = server.address();
  return {
    port: portOf(address),
    close: async () => {
      client.off('close', stop);
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      });
    },
  };
}

function portOf(address: AddressInfo | string | null): number {
  if (address === null || typeof address === 'string') throw new GpuEvalError('bug', 'a server has no port');
  return address.port;
}

/** Lets the box listen on a free port of its loopback and carries each connection to a port of ours. */
export async function openForwardBack(client: Client, description: string, localPort: number): Promise<Forward> {
  const port = await new Promise<number>((resolve, reject) => {
    client.forwardIn(LOOPBACK, 0, (error, bound) => {
      if (error) {
        reject(
          new GpuEvalError('connection', `${description} does not let us listen on a port of it`, {
            why: error.message,
            hint: "set AllowTcpForwarding yes in the box's sshd_config",
            cause: error,
          }),
        );
      } else resolve(bound);
    });
  });
  const open = new Set<Duplex>();
  const onConnection = (
    details: TcpConnectionDetails,
    accept: AcceptConnection<ClientChannel>,
    reject: RejectConnection,
  ) => {
    if (details.destPort !== port) return;
    const socket = connect({ port: localPort, host: LOOPBACK, allowHalfOpen: true, noDelay: true });
    socket.once('error', () => reject());
    socket.once('connect', () => {
      const channel = accept();
      open.add(socket);
      socket.once('close', () => open.delete(socket));
      join(socket, channel);
    });
  };
  client.on('tcp connection', onConnection);
  return {
    port,
    close: async () => {
      client.off('tcp connection', onConnection);
      for (const socket of open) socket.destroy();
      // Over a lost connection there is nothing to take back.
      await new Promise<void>((resolve) => {
        client.once('close', () => resolve());
        try {
          client.unforwardIn(LOOPBACK, port, () => resolve());
        } catch {
          resolve();
        }
      });
    },
  };
}
