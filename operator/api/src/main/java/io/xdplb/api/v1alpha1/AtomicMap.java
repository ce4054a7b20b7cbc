// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * The annotated map has one owner: server-side apply replaces it as a whole, and keeps no record of
 * who wrote which entry ({@code x-kubernetes-map-type: atomic}).
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.FIELD)
public @interface AtomicMap {}
