/**
 * The kernel's network configuration by rtnetlink(7): which way an address is reached ({@link
 * io.xdplb.netlink.Routes}), by which hardware address ({@link io.xdplb.netlink.Neighbours}), and
 * when that may have changed ({@link io.xdplb.netlink.NetworkMonitor}).
 */
package io.xdplb.netlink;
