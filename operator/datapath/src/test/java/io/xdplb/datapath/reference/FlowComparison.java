// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.model.Ip;
import io.xdplb.datapath.reference.Flow.Kind;
import io.xdplb.datapath.reference.KernelTables.Remembered;
import io.xdplb.datapath.reference.Table.Address;
import io.xdplb.datapath.reference.Table.Backend;
import io.xdplb.datapath.reference.Table.Listener;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The flows that the datapath remembers beside those that the model does. Flows whose VIP or
 * backend has gone are nobody's: their entries wait for somebody who needs the place.
 */
final class FlowComparison {
  private final Map<Integer, Listener> listeners = new HashMap<>();
  private final Map<Integer, Backend> backends = new HashMap<>();
  private final Map<Key, String> expected = new HashMap<>();
  private final Map<Key, Flow> unseen = new HashMap<>();
  private final List<String> differences = new ArrayList<>();
  private final Table table;

  private record Key(Kind kind, Listener listener, Ip client, int clientPort, int vipPort) {}

  private FlowComparison(Table table, FlowTable flows) {
    this.table = table;
    for (Address address : table.addresses.values()) {
      for (Listener listener : address.listeners) {
        listeners.put(listener.handle, listener);
        listener.backends.forEach(backend -> backends.put(backend.handle, backend));
      }
    }
    for (Flow flow : flows.alive()) {
      Key key = new Key(flow.kind, flow.listener, flow.client, flow.clientPort, flow.vipPort);
      expected.put(key, state(flow.backend, flow.backendPort, flow.natPort, flow.ends()));
      if (flow.kind == Kind.NAT && flow.natPort == 0) {
        unseen.put(key, flow);
      }
    }
  }

  /** One line a flow that only one of the two has, or has otherwise; empty if they are the same. */
  static List<String> differences(Table table, FlowTable flows, List<Remembered> datapath) {
    FlowComparison comparison = new FlowComparison(table, flows);
    datapath.forEach(comparison::compare);
    comparison.expected.forEach(
        (key, state) -> comparison.differences.add("%s, %s: is not there".formatted(key, state)));
    return comparison.differences;
  }

  private void compare(Remembered flow) {
    Listener listener = listeners.get(flow.vip());
    Backend backend = backends.get(flow.backend());
    if (listener == null || backend == null) {
      return;
    }
    Kind kind = kind(flow.meta());
    boolean nat = kind == Kind.NAT;
    boolean affinity = kind == Kind.AFFINITY;
    boolean range = listener.port != listener.endPort;
    int vipPort = !nat ? flow.port() : range ? flow.backendPort() : listener.port;
    Key key = new Key(kind, listener, flow.client(), flow.clientPort(), affinity ? 0 : vipPort);
    // the model learns which port was chosen from what leaves
    boolean chosen = nat && !unseen.containsKey(key);
    String state =
        state(
            backend,
            affinity ? backend.portFor(0) : flow.backendPort(),
            chosen ? flow.port() : 0,
            ends(flow.meta()));
    String wanted = expected.remove(key);
    if (!state.equals(wanted)) {
      differences.add("%s: %s expected, found %s".formatted(key, wanted, state));
    } else if (!flow.backendAddress().equals(backend.address)
        || nat && !table.isNatPort(flow.port())
        || (flow.meta() & KernelTables.FLOW_UDP) != 0 != (listener.protocol == IpPacket.UDP)) {
      differences.add("%s, %s: is %s".formatted(key, state, flow));
    }
  }

  private static Kind kind(int meta) {
    if ((meta & KernelTables.FLOW_HOSTED) != 0) {
      return Kind.HOSTED;
    }
    if ((meta & KernelTables.FLOW_REMEMBERED) != 0) {
      return Kind.REMEMBERED;
    }
    return (meta & KernelTables.FLOW_AFFINITY) != 0 ? Kind.AFFINITY : Kind.NAT;
  }

  private static String state(Backend backend, int port, int natPort, String ends) {
    return "to port %d of %s, by port %d of ours%s".formatted(port, backend, natPort, ends);
  }

  /** As {@link Flow#ends}. */
  private static String ends(int meta) {
    return "%s%s%s"
        .formatted(
            (meta & KernelTables.FLOW_FIN_CLIENT) != 0 ? " FIN of the client" : "",
            (meta & KernelTables.FLOW_FIN_BACKEND) != 0 ? " FIN of the backend" : "",
            (meta & KernelTables.FLOW_RESET) != 0 ? " RST" : "");
  }
}
