// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

import java.io.IOException;
import java.net.DatagramPacket;
import java.net.DatagramSocket;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.SortedMap;
import java.util.TreeMap;

/** One-shot clients, run inside a namespace. */
public final class Clients {

  private static final String HOSTNAME = "Hostname: ";

  private Clients() {}

  /**
   * HTTP GET by curl.
   *
   * @param url an IPv6 address in brackets
   * @return the body
   * @throws IllegalStateException with curl's message, on any failure or after {@code timeout}
   */
  public static String curl(Netns netns, String url, Duration timeout) {
    return netns.run(
        "curl", "-gsSf", "--noproxy", "*", "--max-time", "" + timeout.toMillis() / 1000.0, url);
  }

  /**
   * HTTP GET {@code count} times, each on a connection of its own.
   *
   * @return who answered how often, by the name after {@code Hostname:}
   * @throws IllegalStateException if one of them fails or takes longer than {@code timeout}
   */
  public static SortedMap<String, Integer> whoAnswers(
      Netns netns, String address, int port, int count, Duration timeout) {
    return netns.call(
        () -> {
          SortedMap<String, Integer> answers = new TreeMap<>();
          for (int i = 0; i < count; i++) {
            answers.merge(hostname(address, port, timeout), 1, Integer::sum);
          }
          return answers;
        });
  }

  /**
   * Sends one datagram from a new port and waits for the answer.
   *
   * @throws IllegalStateException if none comes within {@code timeout}
   */
  public static String udp(Netns netns, String address, int port, String text, Duration timeout) {
    return netns.call(
        () -> {
          try (DatagramSocket socket = new DatagramSocket()) {
            return ask(socket, new InetSocketAddress(address, port), text, timeout);
          }
        });
  }

  /** Sends one datagram from an open socket and waits for the answer; for flows of several. */
  public static String ask(
      DatagramSocket socket, InetSocketAddress server, String text, Duration timeout)
      throws IOException {
    byte[] question = text.getBytes(StandardCharsets.US_ASCII);
    socket.setSoTimeout((int) timeout.toMillis());
    socket.send(new DatagramPacket(question, question.length, server));
    DatagramPacket answer = new DatagramPacket(new byte[65536], 65536);
    socket.receive(answer);
    return new String(answer.getData(), 0, answer.getLength(), StandardCharsets.US_ASCII);
  }

  private static String hostname(String address, int port, Duration timeout) throws IOException {
    try (Socket socket = new Socket()) {
      socket.connect(new InetSocketAddress(address, port), (int) timeout.toMillis());
      socket.setSoTimeout((int) timeout.toMillis());
      socket.getOutputStream().write("GET / HTTP/1.0\r\n\r\n".getBytes(StandardCharsets.US_ASCII));
      String response =
          new String(socket.getInputStream().readAllBytes(), StandardCharsets.US_ASCII);
      return response
          .lines()
          .filter(line -> line.startsWith(HOSTNAME))
          .map(line -> line.substring(HOSTNAME.length()))
          .findFirst()
          .orElseThrow(() -> new IOException("no \"" + HOSTNAME + "\" in: " + response));
    }
  }
}
