/**
 * The kernel's network configuration by rtnetlink(7): which way an address is reached ({@link
 * io.xdplb.netlink.Routes}), by which hardware address ({@link io.xdplb.netlink.Neighbours}), when
 * that may have changed ({@link io.xdplb.netlink.NetworkMonitor}), and what holds an interface's TC
 * filters ({@link io.xdplb.netlink.Qdiscs}).
 */
package io.xdplb.netlink;
