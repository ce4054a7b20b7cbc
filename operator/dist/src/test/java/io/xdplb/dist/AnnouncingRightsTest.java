// SPDX-License-Identifier: Apache-2.0
package io.xdplb.dist;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.awaitility.Awaitility.await;

import com.fasterxml.jackson.databind.JsonNode;
import io.fabric8.kubernetes.api.model.ObjectMetaBuilder;
import io.fabric8.kubernetes.api.model.SecretBuilder;
import io.fabric8.kubernetes.client.Config;
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;
import io.fabric8.kubernetes.client.dsl.base.PatchContext;
import io.fabric8.kubernetes.client.dsl.base.PatchType;
import io.xdplb.api.v1alpha1.AddressPool;
import io.xdplb.api.v1alpha1.AnnouncementPolicy;
import io.xdplb.api.v1alpha1.AnnouncementPolicySpec;
import io.xdplb.api.v1alpha1.AnnouncementPolicyStatus;
import io.xdplb.api.v1alpha1.BGPPeer;
import io.xdplb.api.v1alpha1.Membership;
import io.xdplb.api.v1alpha1.MembershipSpec;
import io.xdplb.api.v1alpha1.MembershipStatus;
import io.xdplb.testing.apiserver.KubernetesApi;
import io.xdplb.testing.apiserver.RequiresApiServer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;

/**
 * What agents and the operator may do for announcing, with the accounts that the chart gives them.
 */
@RequiresApiServer
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class AnnouncingRightsTest {

  private static final Set<String> KINDS =
      Set.of(
          "ServiceAccount",
          "Role",
          "RoleBinding",
          "ClusterRole",
          "ClusterRoleBinding",
          "ValidatingAdmissionPolicy",
          "ValidatingAdmissionPolicyBinding");
  private static final String ACCOUNT =
      "system:serviceaccount:" + Helm.NAMESPACE + ":" + Helm.RELEASE + "-";

  private static final PatchContext APPLY =
      new PatchContext.Builder()
          .withPatchType(PatchType.SERVER_SIDE_APPLY)
          .withFieldManager("xdplb-operator")
          .build();

  private final KubernetesApi api;
  private final KubernetesClient admin;
  private final KubernetesClient agent;
  private final KubernetesClient other;

  AnnouncingRightsTest(KubernetesApi api) {
    this.api = api;
    admin = api.newClient();
    agent = agentOn("node-1");
    other = agentOn("node-2");
  }

  @BeforeAll
  void install() {
    api.installCrds();
    api.kubectl("create", "namespace", Helm.NAMESPACE); // it may be there
    for (JsonNode object :
        Objects.of(
                Helm.template(
                    "--no-hooks", "--set", "bgp.enabled=true,bgp.passwordSecrets={tor-1}"))
            .all()) {
      if (KINDS.contains(object.path("kind").asText())) {
        api.kubectlWithInput(
                object.toString(), "apply", "--server-side", "--force-conflicts", "-f", "-")
            .outOrFail();
      }
    }
    Membership membership = new Membership();
    membership.setMetadata(new ObjectMetaBuilder().withName(Membership.NAME).build());
    membership.setSpec(
        new MembershipSpec(
            1, true, false, List.of(new MembershipSpec.Member(0, "node-1", "198.51.100.1"))));
    admin.resource(membership).create();
    await("the admission policy is in force")
        .atMost(Duration.ofSeconds(20))
        .until(() -> vote(other, "node-1") == 403);
  }

  @AfterAll
  void close() {
    admin.resources(Membership.class).withName(Membership.NAME).delete();
    agent.close();
    other.close();
    admin.close();
  }

  @Test
  void itTakesTheWitnessVoteForItselfAndGivesItBack() {
    assertThat(vote(agent, "node-1")).isEqualTo(200);
    assertThat(vote(agent, "")).isEqualTo(200);
    assertThat(vote(agent, "node-2")).isEqualTo(403);
  }

  @Test
  void itReadsWhatToAnnounceAndWritesNoneOfIt() {
    agent.resources(AnnouncementPolicy.class).list();
    agent.resources(BGPPeer.class).list();
    agent.resources(AddressPool.class).list();
    assertThat(agent.resources(Membership.class).list().getItems()).hasSize(1);
    assertForbidden(
        () ->
            agent
                .resources(Membership.class)
                .withName(Membership.NAME)
                .edit(
                    m -> {
                      m.setSpec(new MembershipSpec(2, false, false, m.getSpec().members()));
                      return m;
                    }));
    assertForbidden(() -> agent.resources(Membership.class).withName(Membership.NAME).delete());
    assertForbidden(() -> agent.resources(AnnouncementPolicy.class).withName("any").delete());
  }

  @Test
  void itReadsTheNodesKeyAndThePasswordsThatItWasGivenAndNoOtherSecret() {
    for (String name : List.of("xdplb-announcing", "tor-1", "other")) {
      admin
          .resource(
              new SecretBuilder()
                  .withNewMetadata()
                  .withName(name)
                  .withNamespace(Helm.NAMESPACE)
                  .endMetadata()
                  .build())
          .createOr(io.fabric8.kubernetes.client.dsl.NonDeletingOperation::update);
    }
    assertThat(secret("xdplb-announcing")).isNotNull();
    assertThat(secret("tor-1")).isNotNull();
    assertForbidden(() -> secret("other"));
    assertForbidden(() -> agent.secrets().inNamespace(Helm.NAMESPACE).list());
  }

  @Test
  void theOperatorDoesWhatItHasToAndReadsNoSecretButTheNodesKey() {
    AnnouncementPolicy policy = new AnnouncementPolicy();
    policy.setMetadata(new ObjectMetaBuilder().withName("rights").build());
    policy.setSpec(
        new AnnouncementPolicySpec(null, null, null, new AnnouncementPolicySpec.L2(null), null));
    Config config = api.config();
    config.setImpersonateUsername(ACCOUNT + "operator");
    try (KubernetesClient operator = new KubernetesClientBuilder().withConfig(config).build()) {
      operator.resource(policy).create();
      policy.setStatus(new AnnouncementPolicyStatus(1L, null));
      policy.setMetadata(new ObjectMetaBuilder().withName("rights").build());
      operator.resource(policy).subresource("status").patch(APPLY);
      assertForbidden(() -> operator.resource(policy).delete());
      Membership membership = operator.resources(Membership.class).withName(Membership.NAME).get();
      operator.resource(membership).update();
      secret(operator, "xdplb-announcing");
      assertForbidden(() -> secret(operator, "other"));
      assertForbidden(() -> operator.resource(membership).delete());
      operator.resources(BGPPeer.class).list();
    } finally {
      admin.resource(policy).delete();
    }
  }

  private Object secret(String name) {
    return secret(agent, name);
  }

  private static Object secret(KubernetesClient as, String name) {
    return as.secrets().inNamespace(Helm.NAMESPACE).withName(name).get();
  }

  /** The status of the answer. */
  private int vote(KubernetesClient as, String holder) {
    Membership now = admin.resources(Membership.class).withName(Membership.NAME).get();
    long number = now.getStatus() == null ? 1 : now.getStatus().number() + 1;
    now.setStatus(new MembershipStatus(number, holder, 1, 7));
    try {
      as.resource(now).updateStatus();
      return 200;
    } catch (KubernetesClientException e) {
      return e.getCode();
    }
  }

  private static void assertForbidden(Runnable request) {
    assertThatThrownBy(request::run)
        .isInstanceOfSatisfying(
            KubernetesClientException.class, e -> assertThat(e.getCode()).isEqualTo(403));
  }

  /** With what the API server reads from a token that is bound to a pod there. */
  private KubernetesClient agentOn(String node) {
    Config config = api.config();
    config.setImpersonateUsername(ACCOUNT + "agent");
    config.setImpersonateExtras(Map.of("authentication.kubernetes.io%2Fnode-name", List.of(node)));
    return new KubernetesClientBuilder().withConfig(config).build();
  }
}
