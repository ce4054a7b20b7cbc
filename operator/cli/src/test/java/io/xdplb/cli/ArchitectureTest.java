// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideOutsideOfPackages;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import java.time.Clock;
import java.time.Instant;
import java.time.LocalDateTime;
import java.time.ZonedDateTime;

/** The walls between the rooms: who may know whom. */
@AnalyzeClasses(packages = "io.xdplb", importOptions = ImportOption.DoNotIncludeTests.class)
class ArchitectureTest {

  private static final String[] KUBERNETES = {"io.fabric8.kubernetes..", "io.javaoperatorsdk.."};
  private static final String[] KERNEL = {
    "io.xdplb.libbpf..",
    "io.xdplb.netlink..",
    "io.xdplb.lan..",
    "io.xdplb.datapath..",
    "com.sun.jna.."
  };

  @ArchTest
  static final ArchRule theApiKnowsNobody =
      noClasses()
          .that()
          .resideInAPackage("io.xdplb.api..")
          .should()
          .dependOnClassesThat(
              resideInAPackage("io.xdplb..").and(resideOutsideOfPackage("io.xdplb.api..")))
          .orShould()
          .dependOnClassesThat()
          .resideInAnyPackage("io.javaoperatorsdk..", "com.sun.jna..");

  @ArchTest
  static final ArchRule coreKnowsNoKubernetes =
      noClasses()
          .that()
          .resideInAPackage("io.xdplb.core..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(KUBERNETES);

  @ArchTest
  static final ArchRule coreKnowsNoKernel =
      noClasses()
          .that()
          .resideInAPackage("io.xdplb.core..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(KERNEL);

  @ArchTest
  static final ArchRule theDatapathKnowsNoKubernetes =
      noClasses()
          .that()
          .resideInAnyPackage(
              "io.xdplb.datapath..", "io.xdplb.libbpf..", "io.xdplb.netlink..", "io.xdplb.lan..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(KUBERNETES);

  @ArchTest
  static final ArchRule theBindingHasNoPolicy =
      noClasses()
          .that()
          .resideInAPackage("io.xdplb.libbpf..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("io.xdplb.core..", "io.xdplb.datapath..", "io.xdplb.api..");

  @ArchTest
  static final ArchRule netlinkKnowsNoMoreThanWhatAnAddressIs =
      noClasses()
          .that()
          .resideInAPackage("io.xdplb.netlink..")
          .should()
          .dependOnClassesThat(
              resideInAPackage("io.xdplb..")
                  .and(
                      resideOutsideOfPackages(
                          "io.xdplb.netlink..", "io.xdplb.libbpf..", "io.xdplb.core.model..")));

  @ArchTest
  static final ArchRule theControllerKnowsNoKernel =
      noClasses()
          .that()
          .resideInAPackage("io.xdplb.controller..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(KERNEL)
          .orShould()
          .dependOnClassesThat()
          .resideInAPackage("io.xdplb.agent..");

  @ArchTest
  static final ArchRule theAgentKnowsNoController =
      noClasses()
          .that()
          .resideInAPackage("io.xdplb.agent..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("io.xdplb.controller..", "io.javaoperatorsdk..", "io.xdplb.cli..");

  /** A clock that jumps must not matter to who answers for an address. */
  @ArchTest
  static final ArchRule whoAnnouncesHasNoWallClock =
      noClasses()
          .that()
          .resideInAPackage("io.xdplb.core.announce..")
          .or()
          .haveSimpleName("LanAnnouncer")
          .or()
          .haveSimpleName("Voice")
          .or()
          .haveSimpleName("Duplicates")
          .should()
          .callMethod(System.class, "currentTimeMillis")
          .orShould()
          .dependOnClassesThat()
          .belongToAnyOf(Clock.class, Instant.class, LocalDateTime.class, ZonedDateTime.class);

  @ArchTest
  static final ArchRule roomsHaveNoCycles =
      slices().matching("io.xdplb.(*)..").should().beFreeOfCycles();
}
