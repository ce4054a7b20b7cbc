// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.cluster;

import io.xdplb.testing.kernel.RequiresBpf;
import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * The test class needs a real cluster. Constructors, test and lifecycle methods get it as a
 * parameter of the type {@link KubernetesCluster}.
 *
 * <p>The first class that needs it brings it up; it goes with the test run, also when that fails or
 * the JVM is killed. A cluster that {@code make cluster} has brought up is used as it is, and
 * stays. Where there can be none (no root, no Docker engine) the class is skipped, with the reason;
 * one that should come up and does not fails the class.
 */
@Inherited
@RequiresBpf
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
@ExtendWith(ClusterExtension.class)
public @interface RequiresCluster {}
