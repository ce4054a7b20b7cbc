// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath;

import io.xdplb.testing.kernel.Host;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.time.Duration;
import java.util.HexFormat;
import java.util.Random;

/**
 * Sends and takes many bytes, which are compared by their hash. A connection carries one transfer:
 * a byte that says which way, a number of bytes, and the bytes; who took them answers with their
 * hash.
 */
final class BulkServer implements AutoCloseable {
  private static final int BLOCK = 1 << 16;
  private static final int DOWNLOAD = 1;
  private static final int UPLOAD = 2;

  private final ServerSocket listening;

  private BulkServer(ServerSocket listening) {
    this.listening = listening;
  }

  /** Listens on {@code port} of both families until closed. */
  static BulkServer start(Host host, int port) {
    BulkServer server = new BulkServer(host.netns().call(() -> new ServerSocket(port)));
    daemon("bulk " + host.name(), server::serve);
    return server;
  }

  /**
   * Has {@code client} fetch that many bytes, and answers their hash.
   *
   * @param timeout for how long nothing may come
   * @throws IllegalStateException whose cause says why it could not
   */
  static String download(Host client, String address, int port, int bytes, Duration timeout) {
    return download(client, address, port, bytes, timeout, () -> {});
  }

  /** As the other, and does something between connecting and fetching. */
  static String download(
      Host client, String address, int port, int bytes, Duration timeout, Runnable connected) {
    return transfer(
        client,
        address,
        port,
        timeout,
        (in, out) -> {
          connected.run();
          out.writeByte(DOWNLOAD);
          out.writeInt(bytes);
          out.flush();
          return hash(in, bytes);
        });
  }

  /** Has {@code client} send that many bytes, and answers the hash of what has come. */
  static String upload(Host client, String address, int port, int bytes, Duration timeout) {
    return transfer(
        client,
        address,
        port,
        timeout,
        (in, out) -> {
          out.writeByte(UPLOAD);
          out.writeInt(bytes);
          write(out, bytes);
          return in.readUTF();
        });
  }

  /** The hash of that many bytes, as they should be. */
  static String hash(int bytes) {
    MessageDigest digest = sha256();
    try (OutputStream out = new DigestStream(digest)) {
      write(out, bytes);
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  @Override
  public void close() {
    try {
      listening.close();
    } catch (IOException e) {
      throw new IllegalStateException(e);
    }
  }

  private interface Transfer {
    String run(DataInputStream in, DataOutputStream out) throws IOException;
  }

  private static String transfer(
      Host client, String address, int port, Duration timeout, Transfer transfer) {
    return client
        .netns()
        .call(
            () -> {
              try (Socket socket = new Socket()) {
                socket.connect(new InetSocketAddress(address, port), (int) timeout.toMillis());
                socket.setSoTimeout((int) timeout.toMillis());
                return transfer.run(
                    new DataInputStream(socket.getInputStream()),
                    new DataOutputStream(socket.getOutputStream()));
              }
            });
  }

  private void serve() {
    while (!listening.isClosed()) {
      try {
        Socket socket = listening.accept();
        daemon("bulk transfer", () -> answer(socket));
      } catch (IOException closed) {
        return;
      }
    }
  }

  private static void answer(Socket socket) {
    try (socket) {
      DataInputStream in = new DataInputStream(socket.getInputStream());
      DataOutputStream out = new DataOutputStream(socket.getOutputStream());
      boolean download = in.readByte() == DOWNLOAD;
      int bytes = in.readInt();
      if (download) {
        write(out, bytes);
      } else {
        out.writeUTF(hash(in, bytes));
      }
    } catch (IOException gone) {
      // the client's side tells
    }
  }

  private static void write(OutputStream out, int bytes) throws IOException {
    Random random = new Random(bytes);
    byte[] block = new byte[BLOCK];
    for (int rest = bytes; rest > 0; rest -= BLOCK) {
      random.nextBytes(block);
      out.write(block, 0, Math.min(rest, BLOCK));
    }
  }

  private static String hash(InputStream in, int bytes) throws IOException {
    MessageDigest digest = sha256();
    byte[] block = new byte[BLOCK];
    for (int rest = bytes; rest > 0; ) {
      int read = in.read(block, 0, Math.min(rest, BLOCK));
      if (read < 0) {
        throw new IOException("the connection ended " + rest + " bytes early");
      }
      digest.update(block, 0, read);
      rest -= read;
    }
    return HexFormat.of().formatHex(digest.digest());
  }

  private static MessageDigest sha256() {
    try {
      return MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  private static void daemon(String name, Runnable body) {
    Thread thread = new Thread(body, name);
    thread.setDaemon(true);
    thread.start();
  }

  /** Writes to nothing but the digest. */
  private static final class DigestStream extends OutputStream {
    private final MessageDigest digest;

    DigestStream(MessageDigest digest) {
      this.digest = digest;
    }

    @Override
    public void write(int b) {
      digest.update((byte) b);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) {
      digest.update(bytes, offset, length);
    }
  }
}
