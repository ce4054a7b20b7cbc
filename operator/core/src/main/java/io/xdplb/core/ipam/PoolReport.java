// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import io.xdplb.core.model.Ip;
import java.math.BigInteger;
import java.util.List;

/**
 * What there is to say of a pool.
 *
 * @param name of the pool
 * @param capacityIpv4 how many IPv4 addresses it gives away
 * @param capacityIpv6 the same of IPv6
 * @param allocatedIpv4 how many of these load balancers have
 * @param allocatedIpv6 the same of IPv6
 * @param overlapping names of the pools that have addresses in common with it, in order
 * @param outside addresses that were taken from it, are in use, and are not its own any more; in
 *     order
 */
public record PoolReport(
    String name,
    BigInteger capacityIpv4,
    BigInteger capacityIpv6,
    int allocatedIpv4,
    int allocatedIpv6,
    List<String> overlapping,
    List<Ip> outside) {}
