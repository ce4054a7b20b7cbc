// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.apiserver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.fabric8.kubernetes.client.Config;
import io.xdplb.testing.apiserver.ApiServerChoice.Kind;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

class ApiServerChoiceTest {

  private static final Kind NO_MODULES =
      () -> {
        throw new TestServer.Unavailable("no Go here");
      };
  private static final Kind NO_K3S =
      () -> {
        throw new TestServer.Unavailable("no Docker here");
      };
  private static final Kind MODULES = () -> new Named("modules");
  private static final Kind K3S = () -> new Named("k3s");

  @Test
  void modulesComeFirst() {
    assertThat(ApiServerChoice.make(null, MODULES, K3S).why()).isEqualTo("modules");
    assertThat(ApiServerChoice.make("", MODULES, K3S).why()).isEqualTo("modules");
  }

  @Test
  void k3sStepsInWhereModulesCannotBeBuilt() {
    assertThat(ApiServerChoice.make(null, NO_MODULES, K3S).why()).isEqualTo("k3s");
  }

  @Test
  void withoutAnyServerBothReasonsAreGiven() {
    ApiServerChoice choice = ApiServerChoice.make(null, NO_MODULES, NO_K3S);
    assertThat(choice.server()).isNull();
    assertThat(choice.why()).contains("no Go here").contains("no Docker here");
  }

  @Test
  void aServerAskedForByNameIsNotReplaced() {
    assertThat(ApiServerChoice.make("k3s", MODULES, K3S).why()).isEqualTo("k3s");
    assertThatThrownBy(() -> ApiServerChoice.make("modules", NO_MODULES, K3S))
        .hasMessageContaining("XDPLB_TEST_APISERVER asks for modules")
        .hasMessageContaining("no Go here");
  }

  @Test
  void anUnknownNameIsRefused() {
    assertThatThrownBy(() -> ApiServerChoice.make("kind", MODULES, K3S))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("\"kind\"")
        .hasMessageContaining("modules, k3s or absent");
  }

  private record Named(String description) implements TestServer {
    @Override
    public Path kubeconfig() {
      throw new UnsupportedOperationException();
    }

    @Override
    public Config config() {
      throw new UnsupportedOperationException();
    }

    @Override
    public Kubectl kubectlWithInput(String input, String... arguments) {
      throw new UnsupportedOperationException();
    }

    @Override
    public void stop() {}

    @Override
    public void start() {}

    @Override
    public void close() {}
  }
}
