// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import static io.xdplb.core.ipam.Book.ask;
import static io.xdplb.core.ipam.Book.name;
import static io.xdplb.core.ipam.Book.pool;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.AddressPoolSpec.Strategy;
import io.xdplb.api.v1alpha1.IpFamily;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.IpFamilyPolicy;
import io.xdplb.core.ipam.Allocation.Assigned;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.IntStream;
import org.junit.jupiter.api.Test;

/** Who gets which address, who does not, and why. */
class AddressBookTest {

  private static final Instant NOW = Instant.parse("2026-01-01T00:00:00Z");

  private final Book book = new Book();

  // Which address.

  @Test
  void theLowestFreeAddressOfTheBestPoolIsTheNext() {
    book.pool(pool("a-low", "198.51.100.0/28"));
    book.pool(pool("b-high", "203.0.113.0/28").priority(10).exclude("203.0.113.0", "203.0.113.2"));
    book.pool(pool("c-named-only", "203.0.113.64/28").priority(100).onlyByName());
    for (String balancer : List.of("a", "b", "c")) {
      book.ask(balancer, ask());
    }
    assertThat(book.addresses("a")).containsExactly("203.0.113.1");
    assertThat(book.addresses("b")).containsExactly("203.0.113.3");
    book.deleteWhole("a");
    book.ask("d", ask());
    assertThat(book.addresses("d")).containsExactly("203.0.113.1");
    assertThat(book.status("d")).containsExactly(assigned("203.0.113.1", "b-high"));
  }

  @Test
  void ofEquallyGoodPoolsTheNameDecidesAndTheNextOneTakesOverWhenOneIsFull() {
    book.pool(pool("b", "203.0.113.1/32"));
    book.pool(pool("a", "198.51.100.1/32"));
    IntStream.range(0, 3).forEach(i -> book.ask("lb" + i, ask()));
    assertThat(book.addresses("lb0")).containsExactly("198.51.100.1");
    assertThat(book.addresses("lb1")).containsExactly("203.0.113.1");
    assertThat(book.reasons("lb2")).containsExactly("PoolExhausted");
    assertThat(book.why("lb2")).contains("Pool a has no free IPv4 address", "Pool b");
  }

  @Test
  void aNamedPoolIsTheOnlyOne() {
    book.pool(pool("auto", "203.0.113.0/28"));
    book.pool(pool("named", "198.51.100.1/32").onlyByName());
    book.ask("a", ask().pool("named"));
    assertThat(book.addresses("a")).containsExactly("198.51.100.1");
    book.ask("b", ask().pool("named"));
    assertThat(book.reasons("b")).containsExactly("PoolExhausted");
    book.ask("c", ask().pool("nosuch"));
    assertThat(book.reasons("c")).containsExactly("PoolNotFound");
  }

  @Test
  void withoutAPoolThereIsNone() {
    book.ask("a", ask());
    assertThat(book.reasons("a")).containsExactly("PoolNotFound");
    assertThat(book.pool(pool("p", "203.0.113.1/32"))).containsExactly(name("a"));
    assertThat(book.addresses("a")).containsExactly("203.0.113.1");
    assertThat(book.reasons("a")).isEmpty();
  }

  @Test
  void leastRecentlyReleasedTakesNewOnesFirstThenTheLongestReleased() {
    book.pool(pool("p", "203.0.113.0-203.0.113.3").strategy(Strategy.LeastRecentlyReleased));
    for (String balancer : List.of("a", "b", "c")) {
      book.ask(balancer, ask());
    }
    book.deleteWhole("b");
    book.deleteWhole("a");
    // Another pool, or another spec of this one, does not change the order.
    book.pool(pool("other", "198.51.100.0/28").onlyByName());
    for (String balancer : List.of("d", "e", "f")) {
      book.ask(balancer, ask());
    }
    assertThat(book.addresses("d")).containsExactly("203.0.113.3");
    assertThat(book.addresses("e")).containsExactly("203.0.113.1");
    assertThat(book.addresses("f")).containsExactly("203.0.113.0");
  }

  @Test
  void hashGivesTheSameNameTheSameAddressInWhateverOrder() {
    List<String> names = IntStream.range(0, 20).mapToObj(i -> "lb" + i).toList();
    Map<String, List<String>> first = new HashMap<>();
    book.pool(pool("p", "2001:db8::/64").strategy(Strategy.Hash));
    names.forEach(n -> book.ask(n, ask()));
    names.forEach(n -> first.put(n, book.addresses(n)));
    assertThat(new TreeSet<>(first.values().stream().flatMap(List::stream).toList())).hasSize(20);
    Book again = new Book();
    again.pool(pool("p", "2001:db8::/64").strategy(Strategy.Hash));
    List<String> reversed = new ArrayList<>(names);
    Collections.reverse(reversed);
    reversed.forEach(n -> again.ask(n, ask()));
    names.forEach(n -> assertThat(again.addresses(n)).isEqualTo(first.get(n)));
  }

  @Test
  void hashFindsTheLastFreeAddressToo() {
    book.pool(pool("p", "203.0.113.0/26").strategy(Strategy.Hash));
    IntStream.range(0, 65).forEach(i -> book.ask("lb" + i, ask()));
    assertThat(book.report("p").allocatedIpv4()).isEqualTo(64);
    assertThat(book.reasons("lb64")).containsExactly("PoolExhausted");
  }

  // Requested addresses.

  @Test
  void anAddressInNoPoolIsHadByAllWhoRequestIt() {
    book.pool(pool("p", "198.51.100.0/28"));
    book.ask("a", ask().requested("203.0.113.1", "2001:db8::1"));
    book.ask("other/b", ask().requested("203.0.113.1"));
    assertThat(book.addresses("a")).containsExactly("203.0.113.1", "2001:db8::1");
    assertThat(book.addresses("other/b")).containsExactly("203.0.113.1");
    assertThat(book.status("a").get(0).pool()).isEmpty();
  }

  @Test
  void anAddressOfAPoolIsHadByOneAndPassesToWhoeverWaitsForItLongest() {
    book.pool(pool("p", "203.0.113.0/28"));
    book.ask("a", ask().requested("203.0.113.1"));
    book.ask("b", ask().requested("203.0.113.1"));
    book.ask("c", ask().requested("203.0.113.1"));
    assertThat(book.reasons("b")).containsExactly("AddressInUse");
    assertThat(book.why("b")).contains("203.0.113.1 is LoadBalancer edge/a's");
    assertThat(book.delete("a")).contains(name("b"));
    assertThat(book.reasons("b")).containsExactly("AddressInUse");
    assertThat(book.why("b")).contains("was LoadBalancer edge/a's", "rests");
    assertThat(book.book.gone(name("a"), Set.of(), NOW)).contains(name("b"));
    assertThat(book.addresses("b")).containsExactly("203.0.113.1");
    assertThat(book.why("c")).contains("edge/b");
  }

  @Test
  void aRequestedAddressMustBeInTheNamedPoolAndNotExcluded() {
    book.pool(pool("p", "203.0.113.0/28").exclude("203.0.113.0"));
    book.pool(pool("q", "198.51.100.0/28"));
    book.ask("a", ask().pool("q").requested("203.0.113.1"));
    book.ask("b", ask().pool("q").requested("192.0.2.1"));
    book.ask("c", ask().requested("203.0.113.0"));
    assertThat(book.reasons("a")).containsExactly("RefNotPermitted");
    assertThat(book.why("a")).contains("not in pool q", "in pool p");
    assertThat(book.why("b")).contains("it is in no pool");
    assertThat(book.why("c")).contains("Pool p excludes 203.0.113.0");
    assertThat(book.addresses("c")).isEmpty();
  }

  @Test
  void oneRequestedAddressThatIsTakenDoesNotCostTheOthers() {
    book.pool(pool("p", "203.0.113.0/28"));
    book.ask("a", ask().requested("203.0.113.1"));
    book.ask("b", ask().requested("203.0.113.1", "203.0.113.2"));
    assertThat(book.addresses("b")).containsExactly("203.0.113.2");
    assertThat(book.reasons("b")).containsExactly("AddressInUse");
  }

  // Families.

  @Test
  void singleStackIsOneAddressOfTheFirstFamily() {
    book.pool(pool("p", "203.0.113.0/28", "2001:db8::/120"));
    book.ask("default", ask());
    book.ask("six", ask().families(IpFamily.IPv6));
    book.ask("explicit", ask().policy(IpFamilyPolicy.SingleStack, IpFamily.IPv6));
    assertThat(book.addresses("default")).containsExactly("203.0.113.0");
    assertThat(book.addresses("six")).containsExactly("2001:db8::");
    assertThat(book.addresses("explicit")).containsExactly("2001:db8::1");
  }

  @Test
  void withoutAnyIpv4PoolTheDefaultIsIpv6AndItStays() {
    book.pool(pool("six", "2001:db8::/120"));
    book.ask("a", ask());
    assertThat(book.addresses("a")).containsExactly("2001:db8::");
    book.pool(pool("four", "203.0.113.0/28").priority(9));
    book.ask("a", ask().ports(81, 81));
    assertThat(book.addresses("a")).containsExactly("2001:db8::");
    book.ask("b", ask());
    assertThat(book.addresses("b")).containsExactly("203.0.113.0");
  }

  @Test
  void preferDualStackDegradesSaysSoAndCompletesLater() {
    book.pool(pool("four", "203.0.113.0/28"));
    book.ask("a", ask().policy(IpFamilyPolicy.PreferDualStack, IpFamily.IPv6));
    assertThat(book.addresses("a")).containsExactly("203.0.113.0");
    assertThat(book.reasons("a")).isEmpty();
    assertThat(book.remarks("a"))
        .singleElement()
        .asString()
        .contains("There is no IPv6 address: No pool has IPv6 addresses: four");
    assertThat(book.pool(pool("six", "2001:db8::/120"))).containsExactly(name("a"));
    assertThat(book.addresses("a")).containsExactly("2001:db8::", "203.0.113.0");
    assertThat(book.remarks("a")).isEmpty();
  }

  @Test
  void preferDualStackWithoutAnyFamilyIsRefused() {
    book.ask("a", ask().policy(IpFamilyPolicy.PreferDualStack));
    assertThat(book.reasons("a")).contains("PoolNotFound");
  }

  @Test
  void requireDualStackIsAllOrNothing() {
    book.pool(pool("four", "203.0.113.0/28"));
    book.ask("a", ask().policy(IpFamilyPolicy.RequireDualStack));
    assertThat(book.addresses("a")).isEmpty();
    assertThat(book.reasons("a")).containsExactly("FamilyUnavailable");
    assertThat(book.report("four").allocatedIpv4()).isZero();
    book.pool(pool("six", "2001:db8::/120"));
    assertThat(book.addresses("a")).containsExactly("203.0.113.0", "2001:db8::");
  }

  @Test
  void aRequestedAddressIsCompletedByTheOtherFamily() {
    book.pool(pool("p", "203.0.113.0/28", "2001:db8::/120"));
    book.ask("a", ask().requested("203.0.113.9").policy(IpFamilyPolicy.RequireDualStack));
    assertThat(book.addresses("a")).containsExactly("203.0.113.9", "2001:db8::");
    book.ask("b", ask().requested("2001:db8::9").policy(IpFamilyPolicy.PreferDualStack));
    assertThat(book.addresses("b")).containsExactly("2001:db8::9", "203.0.113.0");
  }

  @Test
  void oneThatHasAnAddressKeepsItWhenItAsksForBothAndOneIsNotThere() {
    book.pool(pool("four", "203.0.113.0/28"));
    book.ask("a", ask());
    book.ask("a", ask().policy(IpFamilyPolicy.RequireDualStack));
    assertThat(book.addresses("a")).containsExactly("203.0.113.0");
    assertThat(book.reasons("a")).containsExactly("FamilyUnavailable");
  }

  // Tenancy.

  @Test
  void anEnforcedPoolIsForItsNamespacesOnly() {
    book.book.setNamespace("edge", Map.of("team", "edge"));
    book.pool(pool("theirs", "203.0.113.0/28").forTeam("edge").priority(10));
    book.pool(pool("all", "198.51.100.0/28"));
    book.ask("edge/a", ask());
    book.ask("other/b", ask());
    book.ask("other/c", ask().pool("theirs"));
    book.ask("other/d", ask().requested("203.0.113.9"));
    assertThat(book.addresses("edge/a")).containsExactly("203.0.113.0");
    assertThat(book.addresses("other/b")).containsExactly("198.51.100.0");
    assertThat(book.reasons("other/c")).containsExactly("RefNotPermitted");
    assertThat(book.reasons("other/d")).containsExactly("RefNotPermitted");
    assertThat(book.book.setNamespace("other", Map.of("team", "edge")))
        .containsExactlyInAnyOrder(name("other/c"), name("other/d"));
    assertThat(book.addresses("other/c")).containsExactly("203.0.113.1");
    assertThat(book.book.setNamespace("other", Map.of())).isEmpty();
    assertThat(book.addresses("other/c")).as("what is had stays").containsExactly("203.0.113.1");
  }

  @Test
  void aPoolThatDoesNotEnforceIsHadByNameAndNotByItself() {
    book.pool(pool("theirs", "203.0.113.0/28").forTeam("edge").lax());
    book.ask("other/a", ask());
    book.ask("other/b", ask().pool("theirs"));
    assertThat(book.reasons("other/a")).containsExactly("PoolNotFound");
    assertThat(book.addresses("other/b")).containsExactly("203.0.113.0");
  }

  @Test
  void aNamespaceHasNoMoreThanItsQuota() {
    book.pool(pool("p", "203.0.113.0/28", "2001:db8::/120").quota(2));
    book.ask("edge/a", ask());
    book.ask("edge/b", ask().policy(IpFamilyPolicy.RequireDualStack));
    assertThat(book.reasons("edge/b")).as("two at once are too many").contains("QuotaExceeded");
    assertThat(book.addresses("edge/b")).isEmpty();
    book.ask("edge/c", ask().requested("203.0.113.9"));
    book.ask("edge/d", ask().requested("203.0.113.10"));
    book.ask("other/e", ask());
    assertThat(book.addresses("edge/c")).containsExactly("203.0.113.9");
    assertThat(book.reasons("edge/d")).containsExactly("QuotaExceeded");
    assertThat(book.addresses("other/e")).isNotEmpty();
    book.deleteWhole("edge/a");
    assertThat(book.addresses("edge/d")).containsExactly("203.0.113.10");
  }

  // Sharing.

  @Test
  void equalKeysShareAnAddressWherePortsAreApart() {
    book.pool(pool("p", "203.0.113.0/28").quota(2));
    book.ask("a", ask().key("k").ports(80, 80));
    book.ask("b", ask().key("k").ports(81, 90));
    book.ask("c", ask().key("k").ports(85, 85));
    book.ask("d", ask().key("other").ports(1000, 1000));
    book.ask("other/e", ask().key("k").ports(1000, 1000));
    assertThat(book.addresses("b")).isEqualTo(book.addresses("a")).containsExactly("203.0.113.0");
    assertThat(book.addresses("c")).containsExactly("203.0.113.1");
    assertThat(book.reasons("d"))
        .as("a shared address counts once")
        .containsExactly("QuotaExceeded");
    assertThat(book.addresses("other/e"))
        .as("keys are a namespace's own")
        .containsExactly("203.0.113.2");
    assertThat(book.report("p").allocatedIpv4()).isEqualTo(3);
    book.deleteWhole("a");
    assertThat(book.addresses("b"))
        .as("the address is still in use")
        .containsExactly("203.0.113.0");
    book.ask("f", ask().requested("203.0.113.0"));
    assertThat(book.reasons("f")).containsExactly("AddressInUse");
  }

  @Test
  void aRequestedAddressIsSharedByKeyToo() {
    book.pool(pool("p", "203.0.113.0/28"));
    book.ask("a", ask().key("k").requested("203.0.113.5"));
    book.ask("b", ask().key("k").requested("203.0.113.5").ports(81, 81));
    book.ask("c", ask().key("k").requested("203.0.113.5").ports(80, 85));
    book.ask("d", ask().key("x").requested("203.0.113.5").ports(99, 99));
    assertThat(book.addresses("b")).containsExactly("203.0.113.5");
    assertThat(book.why("c")).contains("same protocol and port");
    assertThat(book.reasons("d")).containsExactly("AddressInUse");
  }

  @Test
  void whoeverChangesItsKeyGivesWay() {
    book.pool(pool("p", "203.0.113.0/28"));
    book.ask("a", ask().key("k").ports(80, 80));
    book.ask("b", ask().key("k").ports(81, 81));
    book.ask("a", ask().key("other").ports(80, 80));
    assertThat(book.addresses("b")).containsExactly("203.0.113.0");
    assertThat(book.addresses("a")).containsExactly("203.0.113.1");
  }

  // What changes, and what stays.

  @Test
  void aShrunkPoolKeepsWhatIsInUseAndGivesNoMoreOfIt() {
    book.pool(pool("p", "203.0.113.0/28"));
    book.ask("a", ask());
    book.ask("b", ask().requested("203.0.113.9"));
    book.pool(pool("p", "203.0.113.9/32"));
    assertThat(book.addresses("a")).containsExactly("203.0.113.0");
    assertThat(book.report("p").outside()).containsExactly(Ip.parse("203.0.113.0"));
    book.ask("a", ask().ports(443, 443));
    assertThat(book.addresses("a")).as("after an edit too").containsExactly("203.0.113.0");
    assertThat(book.remarks("a")).singleElement().asString().contains("not in pool p any more");
    book.ask("c", ask());
    assertThat(book.reasons("c")).containsExactly("PoolExhausted");
    book.deleteWhole("a");
    assertThat(book.report("p").outside()).isEmpty();
    assertThat(book.reasons("c")).containsExactly("PoolExhausted");
  }

  @Test
  void aDeletedPoolLeavesWhatIsInUse() {
    book.pool(pool("p", "203.0.113.0/28"));
    book.ask("a", ask().pool("p"));
    book.book.removePool("p");
    book.ask("a", ask().pool("p").ports(81, 81));
    assertThat(book.addresses("a")).containsExactly("203.0.113.0");
    assertThat(book.remarks("a")).singleElement().asString().contains("does not exist any more");
    book.ask("b", ask().pool("p"));
    assertThat(book.reasons("b")).containsExactly("PoolNotFound");
    book.pool(pool("p", "203.0.113.0/28"));
    assertThat(book.addresses("b")).containsExactly("203.0.113.1");
  }

  @Test
  void aNamedPoolThatIsNotThereYetGetsTheAddressMovedWhenItComes() {
    book.pool(pool("p", "203.0.113.0/28"));
    book.ask("a", ask());
    book.ask("a", ask().pool("q"));
    assertThat(book.addresses("a")).containsExactly("203.0.113.0");
    assertThat(book.reasons("a")).containsExactly("PoolNotFound");
    book.pool(pool("q", "198.51.100.0/28"));
    assertThat(book.addresses("a")).containsExactly("198.51.100.0");
  }

  @Test
  void aRangeThatMovesToAnotherPoolMovesNoAddress() {
    book.pool(pool("p", "203.0.113.0/28"));
    book.ask("a", ask().pool("p"));
    book.pool(pool("p", "203.0.113.8/29"));
    book.pool(pool("q", "203.0.113.0/29"));
    book.ask("a", ask().pool("p").ports(81, 81));
    assertThat(book.addresses("a")).containsExactly("203.0.113.0");
    assertThat(book.report("p").outside()).hasSize(1);
    book.ask("b", ask().pool("q"));
    assertThat(book.addresses("b")).containsExactly("203.0.113.1");
  }

  @Test
  void anotherNamedPoolMovesTheAddressAndNotBeforeThereIsOne() {
    book.pool(pool("p", "203.0.113.0/28"));
    book.pool(pool("q", "198.51.100.1/32").onlyByName());
    book.ask("b", ask().pool("q"));
    book.ask("a", ask().pool("p"));
    book.ask("a", ask().pool("q"));
    assertThat(book.addresses("a")).containsExactly("203.0.113.0");
    assertThat(book.reasons("a")).containsExactly("PoolExhausted");
    book.deleteWhole("b");
    assertThat(book.addresses("a")).containsExactly("198.51.100.1");
    assertThat(book.reasons("a")).isEmpty();
    book.ask("c", ask().requested("203.0.113.0"));
    assertThat(book.reasons("c")).as("nodes still have it").containsExactly("AddressInUse");
    book.book.gone(name("a"), Set.of(Ip.parse("198.51.100.1")), NOW);
    assertThat(book.addresses("c")).containsExactly("203.0.113.0");
  }

  @Test
  void ofOverlappingPoolsTheOlderHasTheAddressesAndBothAreTold() {
    book.pool(pool("young", "203.0.113.0/28").age(1));
    book.pool(pool("old", "203.0.113.8/29").age(2).onlyByName());
    assertThat(book.report("young").overlapping()).containsExactly("old");
    assertThat(book.report("old").overlapping()).containsExactly("young");
    assertThat(book.report("young").capacityIpv4()).isEqualTo(8);
    assertThat(book.report("old").capacityIpv4()).isEqualTo(8);
    book.pool(pool("young", "203.0.113.0/29").age(1));
    assertThat(book.report("old").overlapping()).isEmpty();
  }

  @Test
  void aRequestThatIsDroppedLeavesTheAddressThatIsHad() {
    book.pool(pool("p", "203.0.113.0/28"));
    book.ask("a", ask().requested("203.0.113.7"));
    book.ask("a", ask());
    assertThat(book.addresses("a")).containsExactly("203.0.113.7");
    book.ask("a", ask().requested("203.0.113.8"));
    assertThat(book.addresses("a")).containsExactly("203.0.113.8");
  }

  // Release.

  @Test
  void anAddressRestsUntilNodesHaveLostItAndThenForTheHold() {
    book.pool(pool("p", "203.0.113.1/32").hold("2m"));
    book.ask("a", ask());
    book.ask("b", ask());
    book.delete("a");
    assertThat(book.book.isAwaited(name("a"))).isTrue();
    assertThat(book.book.nextHoldEnd()).isEmpty();
    assertThat(book.book.endHolds(NOW.plusSeconds(9999))).isEmpty();
    assertThat(book.book.gone(name("a"), Set.of(), NOW)).isEmpty();
    assertThat(book.book.isAwaited(name("a"))).isFalse();
    assertThat(book.book.nextHoldEnd()).contains(NOW.plusSeconds(120));
    assertThat(book.book.endHolds(NOW.plusSeconds(119))).isEmpty();
    assertThat(book.reasons("b")).containsExactly("PoolExhausted");
    assertThat(book.book.endHolds(NOW.plusSeconds(120))).containsExactly(name("b"));
    assertThat(book.addresses("b")).containsExactly("203.0.113.1");
  }

  @Test
  void whoeverHadItLastHasItBackAtOnce() {
    book.pool(pool("p", "203.0.113.0/28").hold("1h"));
    book.ask("a", ask());
    book.ask("b", ask());
    book.deleteWhole("b");
    book.ask("c", ask());
    assertThat(book.addresses("c")).containsExactly("203.0.113.2");
    book.ask("b", ask());
    assertThat(book.addresses("b")).containsExactly("203.0.113.1");
    assertThat(book.book.nextHoldEnd()).isEmpty();
  }

  @Test
  void oneOfTheSameNameBeginsWithWhatThatHad() {
    book.pool(pool("p", "203.0.113.0/28"));
    book.ask("x", ask());
    book.ask("a", ask());
    book.created.put(name("a"), NOW);
    book.ask("a", ask().key("k"));
    assertThat(book.addresses("a")).containsExactly("203.0.113.1");
    assertThat(book.report("p").allocatedIpv4()).isEqualTo(2);
  }

  // What is rebuilt from statuses.

  @Test
  void theOlderOneKeepsWhatTwoStatusesSay() {
    AddressBook.Entry older = entry("z-older", 1, assigned("203.0.113.5", "p"));
    AddressBook.Entry younger = entry("a-younger", 2, assigned("203.0.113.5", "p"));
    book.book.load(
        List.of(pool("p", "203.0.113.0/28").pool()), Map.of(), List.of(younger, older), Map.of());
    assertThat(book.addresses("z-older")).containsExactly("203.0.113.5");
    assertThat(book.addresses("a-younger")).as("it gives way").containsExactly("203.0.113.0");
  }

  @Test
  void whatAnotherOperatorHasGivenTheOlderOneIsTakenFromTheYoungerOne() {
    book.pool(pool("p", "203.0.113.0/28"));
    book.created.put(name("older"), Instant.EPOCH);
    book.ask("younger", ask());
    book.requests.put(name("older"), ask().request());
    Set<ObjectName> affected =
        book.book.set(book.entry(name("older"), List.of(assigned("203.0.113.0", "p"))));
    assertThat(affected).containsExactly(name("younger"));
    assertThat(book.addresses("older")).containsExactly("203.0.113.0");
    assertThat(book.addresses("younger")).containsExactly("203.0.113.1");
  }

  @Test
  void theYoungerOneGivesWayAlsoWhenItRequestsTheAddress() {
    book.pool(pool("p", "203.0.113.0/28"));
    book.ask("older", ask());
    book.ask("younger", ask().requested("203.0.113.0"));
    book.book.set(book.entry(name("younger"), List.of(assigned("203.0.113.0", "p"))));
    assertThat(book.addresses("older")).containsExactly("203.0.113.0");
    assertThat(book.reasons("younger")).containsExactly("AddressInUse");
  }

  @Test
  void aStatusThatIsBehindBringsNothingBack() {
    book.pool(pool("p", "203.0.113.0/28"));
    book.ask("a", ask());
    List<Assigned> before = book.status("a");
    book.ask("a", ask().requested("203.0.113.9"));
    book.book.set(book.entry(name("a"), before));
    assertThat(book.addresses("a")).containsExactly("203.0.113.9");
  }

  @Test
  void whatNodesMayStillHaveIsGivenToNobodyAfterARestart() {
    book.book.load(
        List.of(pool("p", "203.0.113.0/28").pool()),
        Map.of(),
        List.of(entry("a", 1)),
        Map.of(name("gone"), Set.of(Ip.parse("203.0.113.0"))));
    assertThat(book.addresses("a")).containsExactly("203.0.113.1");
    book.book.gone(name("gone"), Set.of(), NOW);
    book.ask("b", ask());
    assertThat(book.addresses("b")).containsExactly("203.0.113.0");
  }

  @Test
  void oneWhoseSpecIsNotValidKeepsWhatItHas() {
    book.book.load(
        List.of(pool("p", "203.0.113.0/28").pool()),
        Map.of(),
        List.of(
            new AddressBook.Entry(
                name("a"), NOW, Optional.empty(), List.of(assigned("203.0.113.0", "p")))),
        Map.of());
    book.ask("b", ask());
    assertThat(book.addresses("a")).containsExactly("203.0.113.0");
    assertThat(book.addresses("b")).containsExactly("203.0.113.1");
  }

  // How much.

  /** In time of this thread on a processor: others may keep the machine busy. */
  @Test
  void tenThousandAddressesTakeLessThanASecond() {
    ThreadMXBean threads = ManagementFactory.getThreadMXBean();
    for (Strategy strategy : Strategy.values()) {
      Book many = new Book();
      many.pool(pool("p", "2001:db8::/64", "10.0.0.0/8").strategy(strategy).quota(1_000_000));
      long begin = threads.getCurrentThreadCpuTime();
      for (int i = 0; i < 10_000; i++) {
        many.ask("lb" + i, ask());
      }
      long millis = (threads.getCurrentThreadCpuTime() - begin) / 1_000_000;
      assertThat(many.report("p").allocatedIpv4()).isEqualTo(10_000);
      assertThat(millis).as("milliseconds with strategy %s", strategy).isLessThan(1000);
    }
  }

  @Test
  void aLargePoolHasNoMoreRangesThanASmallOne() {
    for (String block : List.of("2001:db8::/124", "2001:db8::/64")) {
      PoolTable table = new PoolTable(List.of(pool("p", block).pool()));
      assertThat(table.named("p").orElseThrow().addresses().ranges()).hasSize(1);
    }
  }

  private static Assigned assigned(String ip, String pool) {
    return new Assigned(Ip.parse(ip), Optional.of(pool));
  }

  private static AddressBook.Entry entry(String name, long created, Assigned... held) {
    return new AddressBook.Entry(
        name(name), Instant.ofEpochSecond(created), Optional.of(ask().request()), List.of(held));
  }
}
