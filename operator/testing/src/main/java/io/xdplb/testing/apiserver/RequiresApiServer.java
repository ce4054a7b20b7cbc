// SPDX-License-Identifier: Apache-2.0
package io.xdplb.testing.apiserver;

import java.lang.annotation.ElementType;
import java.lang.annotation.Inherited;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.junit.jupiter.api.extension.ExtendWith;

/**
 * The test class needs a real Kubernetes API server. Constructors, test and lifecycle methods get
 * it as a parameter of the type {@link KubernetesApi}.
 *
 * <p>The environment variable {@code XDPLB_TEST_APISERVER} names the server:
 *
 * <ul>
 *   <li>{@code modules}: etcd and kube-apiserver as processes, built from their Go modules
 *   <li>{@code k3s}: K3s in a container
 *   <li>absent: {@code modules}, else {@code k3s}, else the class is skipped, with the reasons
 * </ul>
 *
 * A server that is named and cannot be had fails the class: whoever asks for it must not get a
 * green run without it. The first class that needs the server starts it; it ends with the test run,
 * also when the JVM is killed. The log and the test report say which one it is.
 */
@Inherited
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.TYPE)
@ExtendWith(ApiServerExtension.class)
public @interface RequiresApiServer {}
