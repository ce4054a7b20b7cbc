// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.kernel;

/**
 * One interface of a machine in a topology.
 *
 * @param netns the namespace that is the machine
 * @param name what the machine is called, and how a server in it names itself
 * @param device the interface
 * @param ipv4 its IPv4 address
 * @param ipv6 its IPv6 address
 */
public record Host(Netns netns, String name, String device, String ipv4, String ipv6) {}
