// SPDX-License-Identifier: Apache-2.0
/** What a LAN is told, and what it tells: ARP (RFC 826, 5227) and NDP (RFC 4861). */
package io.xdplb.lan;
