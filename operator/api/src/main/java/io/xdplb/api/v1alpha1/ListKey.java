// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * The entries of the annotated list are told apart by these fields: the API server refuses two with
 * the same values, and server-side apply owns and merges each entry by itself ({@code
 * x-kubernetes-list-type: map}).
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.FIELD)
public @interface ListKey {
  String[] value();
}
