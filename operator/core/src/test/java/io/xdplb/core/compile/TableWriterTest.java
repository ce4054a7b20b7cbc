// SPDX-License-Identifier: Apache-2.0
package io.xdplb.core.compile;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.xdplb.api.v1alpha1.ForwardingTableSpec;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.HealthCheck;
import io.xdplb.api.v1alpha1.ForwardingTableSpec.LocalEndpoints;
import io.xdplb.api.v1alpha1.Protocol;
import io.xdplb.core.model.Access;
import io.xdplb.core.model.Backend;
import io.xdplb.core.model.BackendKey;
import io.xdplb.core.model.Cidr;
import io.xdplb.core.model.Delivery;
import io.xdplb.core.model.Ip;
import io.xdplb.core.model.Place;
import io.xdplb.core.model.UnavailablePolicy;
import io.xdplb.core.model.Vip;
import io.xdplb.core.model.VipKey;
import io.xdplb.core.table.TableHash;
import io.xdplb.core.table.Tables;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Random;
import org.junit.jupiter.api.Test;

class TableWriterTest {

  private static final Ip VIP = Ip.parse("2001:db8:1234:5678:9abc:def0:1234:1000");
  private static final Ip NODE = Ip.parse("2001:db8:1234:5678:9abc:def0:aaaa:1000");

  /** What an agent reads is what was compiled. */
  @Test
  void whatIsWrittenIsReadBackAsItWas() throws JsonProcessingException {
    ObjectMapper json = new ObjectMapper();
    long seed = System.nanoTime();
    Random random = new Random(seed);
    for (int round = 0; round < 500; round++) {
      ForwardingTableSpec table = table(random);
      ForwardingTableSpec sent =
          json.readValue(json.writeValueAsString(table), ForwardingTableSpec.class);
      assertThat(sent).as("seed %d", seed).isEqualTo(table);
      assertThat(TableHash.desired(Tables.toVips(sent)))
          .as("seed %d", seed)
          .isEqualTo(table.tableHash());
    }
  }

  private static ForwardingTableSpec table(Random random) {
    List<Cidr> ranges = new ArrayList<>();
    for (int i = random.nextInt(5); i > 0; i--) {
      ranges.add(
          new Cidr(new Ip(random.nextLong(), random.nextLong(), false), random.nextInt(129)));
    }
    Access access =
        new Access(
            random.nextBoolean() ? Optional.empty() : Optional.of(ranges),
            UnavailablePolicy.values()[random.nextInt(2)]);
    List<Vip> vips = new ArrayList<>();
    List<ForwardingTableSpec.Vip> specs = new ArrayList<>();
    for (int i = random.nextInt(4); i > 0; i--) {
      int port = 100 * i;
      boolean isRange = random.nextBoolean();
      Vip vip =
          new Vip(
              new VipKey(VIP, Protocol.UDP, port, isRange ? port + 50 : port),
              0,
              random.nextInt(2) * random.nextInt(86_401),
              access,
              backends(random, isRange));
      vips.add(vip);
      specs.add(TableWriter.spec(vip, "l" + "x".repeat(random.nextInt(63))));
    }
    return TableWriter.table(TableHash.desired(vips), access, healthCheck(random), specs);
  }

  private static HealthCheck healthCheck(Random random) {
    List<LocalEndpoints> nodes = new ArrayList<>();
    for (int i = random.nextInt(5); i > 0; i--) {
      nodes.add(
          new LocalEndpoints("n" + "x".repeat(random.nextInt(9)) + i, 1 + random.nextInt(99)));
    }
    return random.nextBoolean()
        ? null
        : new HealthCheck(
            1 + random.nextInt(65_535),
            "s" + "x".repeat(random.nextInt(9)),
            nodes.isEmpty() ? null : nodes);
  }

  private static Map<Place, Integer> parts(Random random) {
    Map<Place, Integer> parts = new HashMap<>();
    for (int i = random.nextInt(4); i > 0; i--) {
      String name = "n" + "x".repeat(random.nextInt(9)) + i;
      parts.put(random.nextBoolean() ? Place.node(name) : Place.zone(name), 0);
    }
    return parts;
  }

  private static List<Backend> backends(Random random, boolean isRange) {
    List<Delivery> deliveries =
        List.of(
            Delivery.NAT,
            Delivery.L2,
            Delivery.pod(NODE),
            Delivery.gue(NODE),
            Delivery.ipip(NODE),
            Delivery.natVia(NODE));
    List<Backend> backends = new ArrayList<>();
    for (int i = 0; i < random.nextInt(10); i++) {
      int port = isRange ? 0 : 1 + random.nextInt(65_535);
      backends.add(
          new Backend(
              new BackendKey(new Ip(VIP.high(), VIP.low() + i, false), port),
              0,
              random.nextInt(86_401),
              deliveries.get(random.nextInt(deliveries.size())),
              parts(random)));
    }
    return backends;
  }
}
