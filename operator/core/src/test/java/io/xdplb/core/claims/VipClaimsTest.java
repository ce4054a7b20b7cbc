// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.claims;

import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import io.xdplb.core.model.VipKey;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

class VipClaimsTest {

  private static final Instant EARLY = Instant.parse("2026-01-01T00:00:00Z");
  private static final Instant LATE = Instant.parse("2026-01-01T00:00:01Z");
  private static final ObjectName A = new ObjectName("a", "lb");
  private static final ObjectName B = new ObjectName("b", "lb");
  private static final ObjectName C = new ObjectName("c", "lb");
  private static final VipKey P80 = vip(80);
  private static final VipKey P81 = vip(81);

  private final VipClaims claims = new VipClaims();

  @Test
  void theOlderWinsWhoeverIsSeenFirst() {
    assertThat(claims.set(A, LATE, Set.of(P80))).containsExactly(A);
    assertThat(claims.set(B, EARLY, Set.of(P80, P81))).containsExactlyInAnyOrder(A, B);
    assertThat(claims.winner(P80)).contains(B);
    assertThat(claims.held(A)).isEmpty();
    assertThat(claims.held(B)).containsExactlyInAnyOrder(P80, P81);
    assertThat(claims.conflicts(A)).containsExactly(new VipClaims.Conflict(P80, B));
    assertThat(claims.conflicts(B)).isEmpty();
  }

  @Test
  void ofEquallyOldOnesTheFirstByNameWins() {
    claims.set(B, EARLY, Set.of(P80));
    claims.set(A, EARLY, Set.of(P80));
    assertThat(claims.winner(P80)).contains(A);
  }

  @Test
  void removedWinnerGivesWayToTheNextAndAllOthersHearOfIt() {
    claims.set(A, EARLY, Set.of(P80));
    claims.set(B, LATE, Set.of(P80));
    assertThat(claims.set(C, LATE, Set.of(P80, P81))).containsExactly(C);
    assertThat(claims.remove(A)).containsExactlyInAnyOrder(B, C);
    assertThat(claims.winner(P80)).contains(B);
    assertThat(claims.remove(C)).as("it had nothing that others wanted").isEmpty();
    assertThat(claims.remove(C)).isEmpty();
  }

  @Test
  void whoLeavesOneVipKeepsTheOther() {
    claims.set(A, EARLY, Set.of(P80, P81));
    claims.set(B, LATE, Set.of(P80));
    assertThat(claims.set(A, EARLY, Set.of(P81))).containsExactlyInAnyOrder(A, B);
    assertThat(claims.held(A)).containsExactly(P81);
    assertThat(claims.held(B)).containsExactly(P80);
  }

  @Test
  void sameClaimAgainChangesNothing() {
    claims.set(A, EARLY, Set.of(P80));
    assertThat(claims.set(A, EARLY, Set.of(P80))).isEmpty();
    assertThat(claims.set(B, LATE, Set.of())).isEmpty();
    assertThat(claims.winner(P81)).isEmpty();
    assertThat(claims.held(C)).isEmpty();
    assertThat(claims.conflicts(C)).isEmpty();
  }

  /** Else a younger one could take a port out of an older one's range. */
  @Test
  void whatOverlapsAnOlderOnesVipIsTakenInWhole() {
    VipKey range = vip(8000, 8999);
    claims.set(A, EARLY, Set.of(range, vip(8080)));
    assertThat(claims.held(A)).as("its own may overlap").hasSize(2);
    claims.set(B, LATE, Set.of(vip(8500), vip(8999, 9100), vip(9000)));
    assertThat(claims.held(B)).containsExactly(vip(9000));
    assertThat(claims.conflicts(B))
        .containsExactly(
            new VipClaims.Conflict(vip(8500), A), new VipClaims.Conflict(vip(8999, 9100), A));
    assertThat(claims.winner(range)).contains(A);
    assertThat(claims.winner(vip(8500))).as("nobody has it by itself").isEmpty();
    assertThat(claims.remove(A)).containsExactly(B);
    assertThat(claims.held(B)).hasSize(3);
    assertThat(claims.winner(range)).as("others only overlap it").isEmpty();
    assertThat(claims.set(A, EARLY, Set.of(vip(7000, 8500)))).containsExactlyInAnyOrder(A, B);
    assertThat(claims.held(B)).containsExactlyInAnyOrder(vip(8999, 9100), vip(9000));
    VipKey udp = new VipKey(range.address(), Protocol.UDP, 1, 65535);
    VipKey other = new VipKey(Ip.parse("203.0.113.11"), Protocol.TCP, 1, 65535);
    claims.set(C, LATE, Set.of(udp, other));
    assertThat(claims.held(C)).containsExactlyInAnyOrder(udp, other);
  }

  @Test
  void reCreatedObjectIsYoung() {
    claims.set(A, EARLY, Set.of(P80));
    claims.set(B, EARLY.plusMillis(1), Set.of(P80));
    assertThat(claims.set(A, LATE, Set.of(P80))).containsExactlyInAnyOrder(A, B);
    assertThat(claims.winner(P80)).contains(B);
  }

  /** Random changes against the plain definition; whoever is not named has the same outcome. */
  @Test
  void changesGiveWhatTheDefinitionGivesAndNameAllThatIsAffected() {
    long seed = System.nanoTime();
    Random random = new Random(seed);
    record Claim(Instant createdAt, Set<VipKey> vips) {}
    Map<ObjectName, Claim> model = new HashMap<>();
    List<ObjectName> owners = new ArrayList<>();
    for (int i = 0; i < 8; i++) {
      owners.add(new ObjectName("ns" + i % 3, "lb" + i));
    }
    Map<ObjectName, String> before = new HashMap<>();
    for (int step = 0; step < 3000; step++) {
      ObjectName owner = owners.get(random.nextInt(owners.size()));
      Set<ObjectName> changed;
      if (random.nextInt(4) == 0) {
        model.remove(owner);
        changed = new HashSet<>(claims.remove(owner));
        assertThat(changed).as("seed %d", seed).doesNotContain(owner);
        changed.add(owner);
      } else {
        Set<VipKey> vips = new HashSet<>();
        for (int i = random.nextInt(4); i > 0; i--) {
          int port = 1 + random.nextInt(6);
          vips.add(vip(port, random.nextInt(3) == 0 ? port + random.nextInt(4) : port));
        }
        Instant createdAt = EARLY.plusSeconds(random.nextInt(4));
        model.put(owner, new Claim(createdAt, vips));
        changed = claims.set(owner, createdAt, vips);
      }
      for (ObjectName each : owners) {
        Set<VipKey> held = new HashSet<>();
        List<VipClaims.Conflict> conflicts = new ArrayList<>();
        for (VipKey vip : model.containsKey(each) ? model.get(each).vips() : Set.<VipKey>of()) {
          ObjectName winner =
              model.entrySet().stream()
                  .filter(e -> e.getValue().vips().stream().anyMatch(vip::overlaps))
                  .min(
                      Comparator.comparing(
                              (Map.Entry<ObjectName, Claim> e) -> e.getValue().createdAt())
                          .thenComparing(Map.Entry::getKey))
                  .orElseThrow()
                  .getKey();
          if (winner.equals(each)) {
            held.add(vip);
          } else {
            conflicts.add(new VipClaims.Conflict(vip, winner));
          }
        }
        conflicts.sort(Comparator.comparing(VipClaims.Conflict::vip));
        assertThat(claims.held(each)).as("seed %d", seed).isEqualTo(held);
        assertThat(claims.conflicts(each)).as("seed %d", seed).isEqualTo(conflicts);
        String outcome = new TreeSet<>(held) + " " + conflicts;
        boolean differs = !outcome.equals(before.put(each, outcome)) && step > 0;
        if (!each.equals(owner) && step > owners.size()) {
          assertThat(changed.contains(each)).as("seed %d, %s", seed, each).isEqualTo(differs);
        } else if (differs && model.containsKey(each)) {
          assertThat(changed).as("seed %d", seed).contains(each);
        }
      }
    }
  }

  private static VipKey vip(int port) {
    return vip(port, port);
  }

  private static VipKey vip(int port, int endPort) {
    return new VipKey(Ip.parse("203.0.113.10"), Protocol.TCP, port, endPort);
  }
}
