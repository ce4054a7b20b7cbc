// SPDX-License-Identifier: Apache-2.0
/**
 * Ways of balancing, measured side by side. {@link io.xdplb.bench.Contender} is one of them; {@link
 * io.xdplb.bench.HttpBench} measures whole HTTP connections, {@link io.xdplb.bench.PacketBench}
 * single frames and the program alone. Each round measures all of them in turns, so that whatever
 * else the machine does meets all alike; what is shown are medians over the rounds.
 */
package io.xdplb.bench;
