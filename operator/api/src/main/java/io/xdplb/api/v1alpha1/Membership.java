// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import io.fabric8.crd.generator.annotation.AdditionalPrinterColumn;
import io.fabric8.crd.generator.annotation.AdditionalPrinterColumn.Type;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Categories;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Kind;
import io.fabric8.kubernetes.model.annotation.Plural;
import io.fabric8.kubernetes.model.annotation.ShortNames;
import io.fabric8.kubernetes.model.annotation.Singular;
import io.fabric8.kubernetes.model.annotation.Version;

/**
 * The nodes that have a vote on who answers for an address: one object, named xdplb, written by the
 * operator (its spec) and by agents (the witness' vote in its status). Not to be edited, and never
 * to be deleted while agents run.
 */
@Group("xdplb.io")
@Version("v1alpha1")
@Kind("Membership")
@Plural("memberships")
@Singular("membership")
@ShortNames("xmem")
@Categories("xdplb")
@AdditionalPrinterColumn(name = "Epoch", jsonPath = ".spec.epoch", type = Type.INTEGER)
@AdditionalPrinterColumn(name = "Witness", jsonPath = ".status.holder")
@AdditionalPrinterColumn(name = "Age", jsonPath = ".metadata.creationTimestamp", type = Type.DATE)
public class Membership extends CustomResource<MembershipSpec, MembershipStatus> {

  /** Name of the only one. */
  public static final String NAME = "xdplb";
}
