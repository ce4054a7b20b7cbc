// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import io.xdplb.api.v1alpha1.AddressPoolSpec;
import io.xdplb.api.v1alpha1.AddressPoolSpec.Block;
import io.xdplb.api.v1alpha1.AddressPoolSpec.Strategy;
import io.xdplb.api.v1alpha1.AddressPoolSpec.Tenancy;
import io.xdplb.api.v1alpha1.IpFamily;
import io.xdplb.api.v1alpha1.LoadBalancerSpec.IpFamilyPolicy;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.api.v1alpha1.Selector;
import io.xdplb.core.ipam.AddressRequest.Ports;
import io.xdplb.core.ipam.Allocation.Assigned;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import java.time.Instant;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * An address book in short words. Load balancers are as old as the order in which they are made.
 */
final class Book {

  final AddressBook book = new AddressBook();
  final Map<ObjectName, AddressRequest> requests = new TreeMap<>();
  final Map<ObjectName, Instant> created = new HashMap<>();
  private long clock;

  static ObjectName name(String text) {
    String[] parts = text.split("/");
    return parts.length == 1 ? new ObjectName("edge", text) : new ObjectName(parts[0], parts[1]);
  }

  Set<ObjectName> ask(String name, Ask ask) {
    ObjectName object = name(name);
    created.computeIfAbsent(object, n -> Instant.ofEpochSecond(++clock));
    requests.put(object, ask.request());
    return book.set(entry(object, List.of()));
  }

  AddressBook.Entry entry(ObjectName name, List<Assigned> status) {
    return new AddressBook.Entry(name, created.get(name), Optional.of(requests.get(name)), status);
  }

  Set<ObjectName> delete(String name) {
    requests.remove(name(name));
    created.remove(name(name));
    return book.remove(name(name));
  }

  /** Deleted, and gone from all nodes. */
  Set<ObjectName> deleteWhole(String name) {
    delete(name);
    return book.gone(name(name), Set.of(), Instant.EPOCH);
  }

  Set<ObjectName> pool(PoolText pool) {
    return book.setPool(pool.pool());
  }

  List<String> addresses(String name) {
    return book.allocation(name(name)).ips().stream().map(Ip::toString).toList();
  }

  /** Addresses with their pools, as a status says them. */
  List<Assigned> status(String name) {
    return book.allocation(name(name)).addresses();
  }

  List<String> reasons(String name) {
    return book.allocation(name(name)).refusals().stream().map(r -> r.reason().name()).toList();
  }

  String why(String name) {
    return book.allocation(name(name)).refusals().stream()
        .map(Allocation.Refusal::message)
        .collect(Collectors.joining(" "));
  }

  List<String> remarks(String name) {
    return book.allocation(name(name)).remarks();
  }

  PoolReport report(String pool) {
    return book.reports().stream().filter(r -> r.name().equals(pool)).findFirst().orElseThrow();
  }

  static Ask ask() {
    return new Ask();
  }

  /** What a load balancer asks for; nothing said asks for one address. */
  static final class Ask {
    private String pool;
    private List<Ip> requested = List.of();
    private IpFamilyPolicy policy;
    private List<IpFamily> families = List.of();
    private String key;
    private Set<Ports> ports = Set.of(new Ports(Protocol.TCP, 80, 80));

    Ask pool(String name) {
      pool = name;
      return this;
    }

    Ask requested(String... addresses) {
      requested = Arrays.stream(addresses).map(Ip::parse).toList();
      return this;
    }

    Ask policy(IpFamilyPolicy policy, IpFamily... families) {
      this.policy = policy;
      this.families = List.of(families);
      return this;
    }

    Ask families(IpFamily... families) {
      this.families = List.of(families);
      return this;
    }

    Ask key(String key) {
      this.key = key;
      return this;
    }

    Ask ports(int first, int last) {
      ports = Set.of(new Ports(Protocol.TCP, first, last));
      return this;
    }

    AddressRequest request() {
      return new AddressRequest(
          Optional.ofNullable(pool),
          requested,
          Optional.ofNullable(policy),
          families,
          Optional.ofNullable(key),
          ports);
    }
  }

  static PoolText pool(String name, String... blocks) {
    return new PoolText(name, blocks);
  }

  /** A pool; those made first are the older ones only if {@link #age} says so. */
  static final class PoolText {
    private final String name;
    private final List<Block> blocks;
    private List<String> exclude;
    private Boolean autoAssign;
    private Integer priority;
    private Strategy strategy;
    private String hold;
    private Selector selector;
    private Boolean enforce;
    private Integer quota;
    private long age;

    PoolText(String name, String... blocks) {
      this.name = name;
      this.blocks =
          Arrays.stream(blocks)
              .map(
                  text ->
                      text.contains("-")
                          ? Block.of(text.split("-")[0], text.split("-")[1])
                          : Block.of(text))
              .toList();
    }

    PoolText exclude(String... texts) {
      exclude = List.of(texts);
      return this;
    }

    PoolText onlyByName() {
      autoAssign = false;
      return this;
    }

    PoolText priority(int value) {
      priority = value;
      return this;
    }

    PoolText strategy(Strategy value) {
      strategy = value;
      return this;
    }

    PoolText hold(String value) {
      hold = value;
      return this;
    }

    PoolText forTeam(String team) {
      selector = new Selector(Map.of("team", team), null);
      return this;
    }

    PoolText lax() {
      enforce = false;
      return this;
    }

    PoolText quota(int value) {
      quota = value;
      return this;
    }

    PoolText age(long seconds) {
      age = seconds;
      return this;
    }

    Pool pool() {
      PoolReader.Result result =
          PoolReader.read(
              name,
              Instant.ofEpochSecond(1_000_000 - age),
              new AddressPoolSpec(
                  blocks,
                  exclude,
                  autoAssign,
                  priority,
                  strategy,
                  hold,
                  new Tenancy(selector, enforce, quota)));
      return result
          .pool()
          .orElseThrow(() -> new IllegalArgumentException(result.problems().toString()));
    }
  }
}
