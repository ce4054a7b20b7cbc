// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.announce;

import io.xdplb.agent.announce.LanPorts.Port;
import io.xdplb.core.model.Ip;
import io.xdplb.lan.LanFrames;
import java.io.IOException;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.StandardProtocolFamily;
import java.nio.channels.DatagramChannel;
import java.nio.channels.MembershipKey;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Deque;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Membership in the multicast groups to which hosts send questions about IPv6 addresses: without
 * it, interfaces and switches that follow MLD keep them away from this node. Used by one thread.
 */
final class SolicitedGroups implements AutoCloseable {

  private static final Logger log = LoggerFactory.getLogger(SolicitedGroups.class);

  /** The kernel's limit for what one socket may hold is some hundred groups. */
  private static final int GROUPS_A_SOCKET = 64;

  private record Group(String interfaceName, Ip address) {}

  /** Some hundredths of a millisecond each, but for the first ones. */
  private static final int AT_A_TIME = 16;

  private final Map<Group, MembershipKey> joined = new HashMap<>();
  private final Deque<Group> waiting = new ArrayDeque<>();
  private final List<DatagramChannel> sockets = new ArrayList<>();
  private final Map<DatagramChannel, Integer> sizes = new HashMap<>();
  private final Set<String> failed = new HashSet<>();

  /**
   * Leaves what is not needed any more, so that questions about these addresses come to these
   * ports; {@link #joinSome} joins the rest.
   */
  void follow(Collection<Ip> addresses, LanPorts ports) {
    Set<Group> wanted = new HashSet<>();
    for (Port port : ports.ports()) {
      addresses.stream()
          .filter(address -> !address.isIpv4())
          .forEach(ip -> wanted.add(new Group(port.name(), LanFrames.solicitedNode(ip))));
    }
    joined
        .entrySet()
        .removeIf(
            entry -> {
              boolean isOver = !wanted.contains(entry.getKey()) || !entry.getValue().isValid();
              if (isOver) {
                leave(entry.getValue());
              }
              return isOver;
            });
    wanted.removeAll(joined.keySet());
    waiting.clear();
    waiting.addAll(wanted);
  }

  /** Joins so many that whoever calls it is not kept waiting. */
  void joinSome() {
    for (int i = 0; i < AT_A_TIME && !waiting.isEmpty(); i++) {
      join(waiting.poll());
    }
  }

  /** Whether there are groups to join. */
  boolean isWaiting() {
    return !waiting.isEmpty();
  }

  private void join(Group group) {
    try {
      NetworkInterface place = NetworkInterface.getByName(group.interfaceName());
      if (place == null) {
        return; // without an address yet: it will come
      }
      DatagramChannel socket = socket();
      InetAddress address = InetAddress.getByAddress(group.address().bytes());
      joined.put(group, socket.join(address, place));
      sizes.merge(socket, 1, Integer::sum);
      failed.remove(group.interfaceName());
    } catch (IOException | RuntimeException e) {
      if (failed.add(group.interfaceName())) {
        log.warn(
            "cannot join {} on {}: questions about IPv6 addresses may not come here: {}",
            group.address(),
            group.interfaceName(),
            e.toString());
      }
    }
  }

  private void leave(MembershipKey key) {
    if (key.isValid()) {
      sizes.merge((DatagramChannel) key.channel(), -1, Integer::sum);
      key.drop();
    }
  }

  private DatagramChannel socket() throws IOException {
    for (DatagramChannel socket : sockets) {
      if (sizes.getOrDefault(socket, 0) < GROUPS_A_SOCKET) {
        return socket;
      }
    }
    DatagramChannel socket = DatagramChannel.open(StandardProtocolFamily.INET6);
    sockets.add(socket);
    return socket;
  }

  @Override
  public void close() {
    for (DatagramChannel socket : sockets) {
      try {
        socket.close();
      } catch (IOException e) {
        log.debug("closing", e);
      }
    }
  }
}
