// SPDX-License-Identifier: Apache-2.0
package io.xdplb.bench;

/** What is measured; the names are the keys in the JSON file. */
enum Quantity {
  KEEPALIVE_REQUESTS("requests/s, connections kept open"),
  KEEPALIVE_P50("µs, median latency, connections kept open"),
  KEEPALIVE_P99("µs, 99th percentile of latency, connections kept open"),
  KEEPALIVE_CPU("µs of the whole machine's CPU time per request, connections kept open"),
  CONNECTION_REQUESTS("requests/s, a connection each"),
  CONNECTION_P50("µs, median latency, a connection each"),
  CONNECTION_P99("µs, 99th percentile of latency, a connection each"),
  CONNECTION_CPU("µs of the whole machine's CPU time per request, a connection each"),
  PACED_P50("µs, median latency at a fixed rate"),
  PACED_P99("µs, 99th percentile of latency at a fixed rate"),
  PACED_CPU("µs of the whole machine's CPU time per request at a fixed rate"),
  FLOWS_PACKETS("packets/s on one core, 1,000 established flows; generator and sink included"),
  FLOWS_NS("net ns per packet, 1,000 established flows"),
  FLOWS_BEYOND_NS("ns per packet more than bare XDP_TX, 1,000 established flows"),
  FLOWS_DELIVERED("share of the frames that arrived, 1,000 established flows"),
  NEW_NS("net ns per packet, each packet opens a new flow"),
  NEW_BEYOND_NS("ns per packet more than bare XDP_TX, each packet opens a new flow"),
  NEW_DELIVERED("share of the frames that arrived, each packet opens a new flow"),
  SPEED_NS("net ns per packet of the program alone"),
  SPEED_OF_REWRITE("that against the plain rewrite"),
  SPEED_REWRITE_NS("net ns per packet of the plain rewrite, measured in turns with it"),
  SPEED_HARNESS_NS("ns per packet of the harness, which net values do not contain"),
  AGENT_ATTACHED("seconds from the agent's start until its program is attached"),
  AGENT_PROGRAMMED(
      "seconds from the agent's start until the kernel's maps have proven to hold all load balancers"),
  AGENT_RELOADED("seconds from the start after a kill -9 until the new program has taken over"),
  AGENT_MEMORY("MiB of resident memory, seven seconds after all load balancers were programmed"),
  SCALE_READY("seconds from the first new object until all load balancers are ready"),
  SCALE_P50("ms from a changed EndpointSlice to the first packet that follows it, median"),
  SCALE_P99("ms from a changed EndpointSlice to the first packet that follows it, 99 %"),
  SCALE_OPERATOR_MEMORY("MiB of resident memory of the operator, after so many changes"),
  SCALE_RESTART(
      "seconds from the operator's start after a kill -9 until it has followed a change of"
          + " meanwhile and all are ready"),
  SCALE_RESTART_WRITES("objects that the restarted operator wrote although nothing had changed"),
  BASELINE_NS("ns per packet of generator and drop, which net values do not contain");

  private final String meaning;

  Quantity(String meaning) {
    this.meaning = meaning;
  }

  /** Unit and meaning, for people. */
  String meaning() {
    return meaning;
  }
}
