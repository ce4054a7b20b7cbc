// SPDX-License-Identifier: Apache-2.0
/** Routers for tests, with BGP by BIRD. */
package io.xdplb.testing.bgp;
