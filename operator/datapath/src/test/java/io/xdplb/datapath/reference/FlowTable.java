// SPDX-License-Identifier: Apache-2.0
package io.xdplb.datapath.reference;

import io.xdplb.core.model.Ip;
import io.xdplb.datapath.reference.Flow.Kind;
import io.xdplb.datapath.reference.Table.Listener;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;

/** All flows that are remembered: without bounds, and nothing expires. */
final class FlowTable {
  private record ByClient(Kind kind, Listener listener, Ip client, int clientPort, int vipPort) {}

  private record Translation(int protocol, Ip backend, int backendPort, int natPort) {}

  private record Answer(int protocol, Ip backend, int backendPort, Ip client, int clientPort) {}

  private final Map<ByClient, Flow> flows = new HashMap<>();
  private final Map<Translation, Flow> translations = new HashMap<>();
  private final Map<Answer, Flow> answers = new HashMap<>();
  private final Set<Flow> unseen = new LinkedHashSet<>();

  /** In the order in which they came, for whoever wants any of them; some may be gone. */
  private final List<Flow> all = new ArrayList<>();

  /** Null if there is none. */
  Flow find(Kind kind, Listener listener, Ip client, int clientPort, int vipPort) {
    return flows.get(new ByClient(kind, listener, client, clientPort, vipPort));
  }

  /** The backend that a client stays with. */
  Flow affinity(Listener listener, Ip client) {
    return find(Kind.AFFINITY, listener, client, 0, 0);
  }

  /** The translated flow that an answer belongs to. */
  Flow translated(int protocol, Ip backend, int backendPort, int natPort) {
    return translations.get(new Translation(protocol, backend, backendPort, natPort));
  }

  /**
   * Flows to a backend that have begun, and whose port nobody has seen yet, since their first
   * packet could not leave.
   */
  List<Flow> unseen(int protocol, Ip backend, int backendPort) {
    return unseen.stream()
        .filter(
            flow ->
                flow.listener.protocol == protocol
                    && flow.backend.address.equals(backend)
                    && flow.backendPort == backendPort)
        .toList();
  }

  /** The flow of an endpoint here that an answer belongs to. */
  Flow answered(int protocol, Ip backend, int backendPort, Ip client, int clientPort) {
    return answers.get(new Answer(protocol, backend, backendPort, client, clientPort));
  }

  Flow add(Flow flow) {
    flows.put(key(flow), flow);
    if (flow.kind == Kind.HOSTED) {
      answers.put(answer(flow), flow);
    }
    if (flow.kind == Kind.NAT) {
      unseen.add(flow);
    }
    all.add(flow);
    return flow;
  }

  /** Which port of ours was chosen for a translated flow. */
  void setNatPort(Flow flow, int port) {
    flow.natPort = port;
    unseen.remove(flow);
    translations.put(translation(flow, port), flow);
  }

  /** Whether no flow that lives has this port towards the backend. */
  boolean isFree(Flow flow, int port) {
    Flow other = translations.get(translation(flow, port));
    return other == null || !other.alive();
  }

  void remove(Flow flow) {
    flows.remove(key(flow), flow);
    unseen.remove(flow);
    answers.remove(answer(flow), flow);
    translations.remove(translation(flow, flow.natPort), flow);
  }

  private static ByClient key(Flow flow) {
    return new ByClient(flow.kind, flow.listener, flow.client, flow.clientPort, flow.vipPort);
  }

  private static Answer answer(Flow flow) {
    return new Answer(
        flow.listener.protocol,
        flow.backend.address,
        flow.backendPort,
        flow.client,
        flow.clientPort);
  }

  private static Translation translation(Flow flow, int port) {
    return new Translation(flow.listener.protocol, flow.backend.address, flow.backendPort, port);
  }

  /** Those that can carry packets. */
  List<Flow> alive() {
    return flows.values().stream().filter(Flow::alive).toList();
  }

  /** Any flow of this kind, one that came lately rather than long ago; null if luck has none. */
  Flow any(Kind kind, Random random) {
    for (int tries = 0; tries < 8 && !all.isEmpty(); tries++) {
      int lately = Math.min(all.size(), random.nextBoolean() ? 100 : Integer.MAX_VALUE);
      Flow flow = all.get(all.size() - 1 - random.nextInt(lately));
      if (flow.kind == kind) {
        return flow;
      }
    }
    return null;
  }
}
