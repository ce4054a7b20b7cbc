// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent.bgp;

import io.xdplb.core.model.Ip;
import java.time.Instant;
import java.util.Optional;
import java.util.Set;

/**
 * A session with a peer, as BIRD says it is.
 *
 * @param peer its name; of a peer that is an interface there may be several sessions, or one that
 *     is none yet and waits
 * @param state BIRD's word: {@value #ESTABLISHED}, or {@code Idle}, {@code Connect}, {@code
 *     Active}, {@code OpenSent}, {@code OpenConfirm}, {@code Passive} (waits to be connected to),
 *     {@code Close}, {@code Down}; {@value #ABSENT} while BIRD has no such peer
 * @param since when it began to be up, or to be down; a session that was reset has a later one
 * @param neighbor with which address; empty while it waits for any
 * @param problem for people: BIRD's last error, or why there is no session yet, or why not all is
 *     announced; else empty
 * @param bfd BIRD's word for the state of the BFD session: {@code Up}, {@code Init}, {@code Down},
 *     {@code AdminDown}; empty if there is none
 * @param exported the addresses that BIRD has exported to the peer; empty unless established. TCP
 *     brings them there: whether the peer accepted them only the peer knows
 */
public record SessionState(
    String peer,
    String state,
    Optional<Instant> since,
    Optional<String> neighbor,
    Optional<String> problem,
    Optional<String> bfd,
    Set<Ip> exported) {

  /** The one state in which routes are exchanged. */
  public static final String ESTABLISHED = "Established";

  /** BIRD has not been told of the peer yet, or it refused the configuration. */
  public static final String ABSENT = "Absent";

  /** Keeps a copy of the set. */
  public SessionState {
    exported = Set.copyOf(exported);
  }

  /** Whether routes are exchanged now. */
  public boolean isEstablished() {
    return state.equals(ESTABLISHED);
  }
}
