// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.ipam;

import io.xdplb.core.model.Ip;
import io.xdplb.core.model.ObjectName;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;

/** The addresses of load balancers that have a sharing key, by namespace and key. */
final class SharedAddresses {

  private record Group(String namespace, String key) {}

  private final Map<Group, NavigableMap<Ip, Set<ObjectName>>> groups = new HashMap<>();

  void add(Tenant tenant, Ip ip) {
    tenant
        .key()
        .ifPresent(
            key ->
                groups
                    .computeIfAbsent(group(tenant, key), g -> new TreeMap<>())
                    .computeIfAbsent(ip, i -> new HashSet<>())
                    .add(tenant.name));
  }

  void remove(Tenant tenant, Ip ip) {
    tenant
        .key()
        .map(key -> group(tenant, key))
        .ifPresent(
            group ->
                groups.computeIfPresent(
                    group,
                    (g, addresses) -> {
                      addresses.computeIfPresent(
                          ip,
                          (i, names) -> {
                            names.remove(tenant.name);
                            return names.isEmpty() ? null : names;
                          });
                      return addresses.isEmpty() ? null : addresses;
                    }));
  }

  /** In order. */
  NavigableSet<Ip> of(Tenant tenant) {
    return tenant
        .key()
        .map(key -> groups.get(group(tenant, key)))
        .map(NavigableMap::navigableKeySet)
        .orElseGet(TreeSet::new);
  }

  private static Group group(Tenant tenant, String key) {
    return new Group(tenant.name.namespace(), key);
  }
}
