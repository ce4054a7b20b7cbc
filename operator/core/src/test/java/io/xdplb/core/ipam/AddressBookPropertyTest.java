// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import static io.xdplb.core.ipam.Book.ask;
import static io.xdplb.core.ipam.Book.name;
import static io.xdplb.core.ipam.Book.pool;
import static org.assertj.core.api.Assertions.assertThat;

import io.xdplb.api.v1alpha1.AddressPoolSpec.Strategy;
import io.xdplb.api.v1alpha1.IpFamily;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.IpFamilyPolicy;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What holds whatever happens, and in whatever order. */
class AddressBookPropertyTest {

  private static final int STEPS = 1500;

  private final Book book = new Book();
  private final Map<String, Pool> pools = new HashMap<>();
  private final Map<String, Map<String, String>> labels = new HashMap<>();

  /** What nodes have: a load balancer's addresses reach them late, and leave them late. */
  private final Map<ObjectName, Set<Ip>> onNodes = new HashMap<>();

  private Random random;
  private Instant now = Instant.parse("2026-01-01T00:00:00Z");

  @ParameterizedTest
  @ValueSource(ints = {1, 2, 3})
  void noAddressIsGivenTwiceAndStatusesTellAll(int run) {
    long seed = System.nanoTime() + run;
    System.out.println("AddressBookPropertyTest seed " + seed);
    random = new Random(seed);
    for (int step = 0; step < STEPS; step++) {
      String did = change();
      String at = "seed " + seed + " step " + step + ": " + did;
      nobodyHasWhatIsAnothers(at);
      nobodyHasWhatNodesHaveForAnother(at);
      theCountsAreRight(at);
      if (step % 50 == 0) {
        theStatusesAloneGiveTheSameBook(at);
      }
    }
  }

  private String change() {
    int what = random.nextInt(20);
    String balancer =
        random.nextInt(2) == 0 ? "edge/lb" + random.nextInt(12) : "other/lb" + random.nextInt(12);
    ObjectName name = name(balancer);
    if (what < 8) {
      Book.Ask ask = randomAsk();
      book.ask(balancer, ask);
      return balancer + " asks " + ask.request();
    } else if (what < 11) {
      if (book.requests.containsKey(name)) {
        book.delete(balancer);
      }
      return balancer + " is deleted";
    } else if (what < 15) {
      // Nodes hold what is asked for now, and nothing of what was given up.
      Set<Ip> has = new HashSet<>(book.book.allocation(name).ips());
      onNodes.put(name, has);
      book.book.gone(name, has, now);
      return "nodes follow " + balancer;
    } else if (what < 17) {
      now = now.plusSeconds(random.nextInt(90));
      book.book.endHolds(now);
      return "time passes";
    } else if (what < 19) {
      String pool = "p" + random.nextInt(4);
      if (random.nextInt(5) == 0) {
        pools.remove(pool);
        book.book.removePool(pool);
        return "pool " + pool + " is deleted";
      }
      Pool spec = randomPool(pool);
      pools.put(pool, spec);
      book.book.setPool(spec);
      return "pool " + spec;
    } else {
      String namespace = random.nextBoolean() ? "edge" : "other";
      Map<String, String> now = random.nextBoolean() ? Map.of("team", "edge") : Map.of();
      labels.put(namespace, now);
      book.book.setNamespace(namespace, now);
      return namespace + " has labels " + now;
    }
  }

  private Book.Ask randomAsk() {
    Book.Ask ask = ask();
    if (random.nextInt(3) == 0) {
      ask.pool("p" + random.nextInt(4));
    }
    if (random.nextInt(3) == 0) {
      ask.requested("203.0.113." + random.nextInt(48));
    }
    if (random.nextInt(2) == 0) {
      ask.policy(IpFamilyPolicy.values()[random.nextInt(3)], IpFamily.values()[random.nextInt(2)]);
    }
    if (random.nextInt(3) == 0) {
      ask.key("k" + random.nextInt(2));
    }
    int first = 1 + random.nextInt(6);
    return ask.ports(first, first + random.nextInt(3));
  }

  private Pool randomPool(String name) {
    int first = random.nextInt(40);
    Book.PoolText pool =
        pool(
                name,
                "203.0.113." + first + "-203.0.113." + (first + random.nextInt(8)),
                "2001:db8::" + first + "-2001:db8::" + (first + random.nextInt(8)))
            .exclude("203.0.113." + random.nextInt(48))
            .age(name.charAt(1))
            .priority(random.nextInt(3))
            .strategy(Strategy.values()[random.nextInt(3)])
            .hold(random.nextInt(2) * 60 + "s");
    if (random.nextInt(4) == 0) {
      pool.onlyByName();
    }
    if (random.nextInt(3) == 0) {
      pool.forTeam("edge");
    }
    if (random.nextInt(3) == 0) {
      pool.quota(1 + random.nextInt(4));
    }
    return pool.pool();
  }

  private void nobodyHasWhatIsAnothers(String at) {
    Map<Ip, List<ObjectName>> owners = new HashMap<>();
    book.requests
        .keySet()
        .forEach(
            name ->
                book.book
                    .allocation(name)
                    .ips()
                    .forEach(ip -> owners.computeIfAbsent(ip, i -> new ArrayList<>()).add(name)));
    owners.forEach(
        (ip, names) -> {
          for (ObjectName a : names) {
            for (ObjectName b : names) {
              assertThat(a.equals(b) || mayShare(ip, a, b))
                  .as("%s: %s of %s and %s", at, ip, a, b)
                  .isTrue();
            }
          }
        });
  }

  private boolean mayShare(Ip ip, ObjectName a, ObjectName b) {
    Optional<String> key = book.requests.get(a).sharingKey();
    boolean byKey =
        a.namespace().equals(b.namespace())
            && key.isPresent()
            && key.equals(book.requests.get(b).sharingKey());
    return byKey || poolOf(a, ip).isEmpty() && poolOf(b, ip).isEmpty();
  }

  private Optional<String> poolOf(ObjectName name, Ip ip) {
    return book.book.allocation(name).addresses().stream()
        .filter(assigned -> assigned.address().equals(ip))
        .findFirst()
        .flatMap(Allocation.Assigned::pool);
  }

  /** A shared address may be given up by one while others have it. */
  private void nobodyHasWhatNodesHaveForAnother(String at) {
    for (ObjectName name : book.requests.keySet()) {
      for (Allocation.Assigned assigned : book.book.allocation(name).addresses()) {
        Had had = new Had(name, assigned.address());
        boolean isNew = !before.contains(had);
        boolean isShared =
            Stream.concat(before.stream(), had().stream())
                .anyMatch(
                    other ->
                        other.ip().equals(had.ip())
                            && other.name().namespace().equals(name.namespace())
                            && !other.name().equals(name));
        if (isNew && !isShared && assigned.pool().isPresent()) {
          onNodes.forEach(
              (owner, ips) ->
                  assertThat(owner.equals(name) || !ips.contains(had.ip()))
                      .as("%s: %s gets %s, which nodes have for %s", at, name, had.ip(), owner)
                      .isTrue());
        }
      }
    }
    before.clear();
    before.addAll(had());
  }

  private Set<Had> had() {
    Set<Had> had = new HashSet<>();
    for (ObjectName name : book.requests.keySet()) {
      book.book.allocation(name).ips().forEach(ip -> had.add(new Had(name, ip)));
    }
    return had;
  }

  private record Had(ObjectName name, Ip ip) {}

  private final Set<Had> before = new HashSet<>();

  private void theCountsAreRight(String at) {
    Set<Ip> had = new HashSet<>();
    book.requests.keySet().forEach(name -> had.addAll(book.book.allocation(name).ips()));
    for (PoolReport report : book.book.reports()) {
      RangeSet own =
          new PoolTable(List.copyOf(pools.values())).named(report.name()).orElseThrow().addresses();
      assertThat(report.allocatedIpv4())
          .as(at)
          .isEqualTo((int) had.stream().filter(ip -> ip.isIpv4() && own.contains(ip)).count());
      assertThat(report.allocatedIpv6())
          .as(at)
          .isEqualTo((int) had.stream().filter(ip -> !ip.isIpv4() && own.contains(ip)).count());
    }
  }

  private void theStatusesAloneGiveTheSameBook(String at) {
    AddressBook rebuilt = new AddressBook();
    List<AddressBook.Entry> entries =
        book.requests.keySet().stream()
            .map(name -> book.entry(name, book.book.allocation(name).addresses()))
            .toList();
    rebuilt.load(pools.values(), labels, entries, resting());
    for (ObjectName name : book.requests.keySet()) {
      assertThat(rebuilt.allocation(name).addresses())
          .as("%s: %s", at, name)
          .isEqualTo(book.book.allocation(name).addresses());
    }
  }

  private Map<ObjectName, Set<Ip>> resting() {
    Map<ObjectName, Set<Ip>> all = new HashMap<>();
    Set<ObjectName> owners = new HashSet<>(book.requests.keySet());
    owners.addAll(onNodes.keySet());
    for (int i = 0; i < 12; i++) {
      owners.add(name("edge/lb" + i));
      owners.add(name("other/lb" + i));
    }
    owners.forEach(name -> all.put(name, Set.copyOf(book.book.restingOf(name))));
    return all;
  }
}
