// SPDX-License-Identifier: Apache-2.0
package io.xdplb.announce;

import io.xdplb.core.model.Ip;
import io.xdplb.lan.LanFrames;
import io.xdplb.lan.LanFrames.Claim;
import io.xdplb.lan.LanSocket;
import io.xdplb.testing.kernel.Host;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.locks.LockSupport;

/**
 * Asks on the LAN who has an address, two hundred times a second, and notes who answers. Where two
 * machines answer at the same time, the answers of one are between those of the other.
 */
final class OwnersWatch implements AutoCloseable {

  private static final long INTERVAL_NANOS = 5_000_000;

  private final LanSocket socket;
  private final int ifindex;
  private final List<byte[]> questions;
  private final Thread thread;

  private record Answer(long nanos, String mac) {}

  private final Map<Ip, ConcurrentLinkedQueue<Answer>> answers = new HashMap<>();
  private volatile boolean closed;

  private OwnersWatch(LanSocket socket, int ifindex, List<Ip> addresses, List<byte[]> questions) {
    this.socket = socket;
    this.ifindex = ifindex;
    this.questions = questions;
    addresses.forEach(address -> answers.put(address, new ConcurrentLinkedQueue<>()));
    thread = new Thread(this::run, "owners");
    thread.setDaemon(true);
  }

  static OwnersWatch start(Host asker, List<String> addresses) {
    int ifindex = asker.netns().index(asker.device());
    byte[] mac = HexFormat.ofDelimiter(":").parseHex(asker.netns().mac(asker.device()));
    List<Ip> ips = addresses.stream().map(Ip::parse).toList();
    List<byte[]> questions = new ArrayList<>();
    for (Ip ip : ips) {
      questions.add(ip.isIpv4() ? request(asker, ip, mac) : LanFrames.probe(ip, mac));
    }
    LanSocket socket = asker.netns().call(LanSocket::open);
    OwnersWatch watch = new OwnersWatch(socket, ifindex, ips, questions);
    watch.thread.start();
    return watch;
  }

  /** An ARP probe with the asker's address in it. */
  private static byte[] request(Host asker, Ip address, byte[] mac) {
    byte[] frame = LanFrames.probe(address, mac);
    ByteBuffer.wrap(frame).put(28, Ip.parse(asker.ipv4()).bytes());
    return frame;
  }

  private void run() {
    while (!closed) {
      questions.forEach(question -> socket.send(ifindex, question));
      long end = System.nanoTime() + INTERVAL_NANOS;
      while (System.nanoTime() < end && !closed) {
        for (Claim claim : socket.heard()) {
          if (answers.containsKey(claim.address())) {
            String mac = HexFormat.ofDelimiter(":").formatHex(claim.mac());
            answers.get(claim.address()).add(new Answer(System.nanoTime(), mac));
          }
        }
        LockSupport.parkNanos(500_000);
      }
    }
  }

  /** What is noted begins now. */
  void begin() {
    answers.values().forEach(ConcurrentLinkedQueue::clear);
  }

  /** Who has answered for an address, one after another, each as often as it came after another. */
  List<String> owners(String address) {
    List<String> owners = new ArrayList<>();
    for (Answer answer : answers.get(Ip.parse(address))) {
      if (owners.isEmpty() || !owners.get(owners.size() - 1).equals(answer.mac)) {
        owners.add(answer.mac);
      }
    }
    return owners;
  }

  /** The longest time in which nobody answered for an address, between two answers. */
  Duration longestSilence(String address) {
    long longest = 0;
    long last = Long.MAX_VALUE;
    for (Answer answer : answers.get(Ip.parse(address))) {
      longest = Math.max(longest, answer.nanos - Math.min(last, answer.nanos));
      last = answer.nanos;
    }
    return Duration.ofNanos(longest);
  }

  @Override
  public void close() {
    closed = true;
    try {
      thread.join();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    socket.close();
  }
}
