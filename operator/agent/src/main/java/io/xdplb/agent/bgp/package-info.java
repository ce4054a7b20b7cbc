// SPDX-License-Identifier: Apache-2.0
/**
 * Announces addresses by BGP: through a <a href="https://bird.network.cz">BIRD 2</a> beside the
 * agent, which is configured by a file and asked over its control socket. See {@code docs/bgp.md}.
 */
package io.xdplb.agent.bgp;
