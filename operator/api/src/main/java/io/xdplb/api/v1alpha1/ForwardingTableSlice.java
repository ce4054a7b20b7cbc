// SPDX-License-Identifier: Apache-2.0
package io.xdplb.api.v1alpha1;

import io.fabric8.crd.generator.annotation.AdditionalPrinterColumn;
import io.fabric8.crd.generator.annotation.AdditionalPrinterColumn.Type;
import io.fabric8.kubernetes.api.model.Namespaced;
import io.fabric8.kubernetes.client.CustomResource;
import io.fabric8.kubernetes.model.annotation.Categories;
import io.fabric8.kubernetes.model.annotation.Group;
import io.fabric8.kubernetes.model.annotation.Kind;
import io.fabric8.kubernetes.model.annotation.Plural;
import io.fabric8.kubernetes.model.annotation.ShortNames;
import io.fabric8.kubernetes.model.annotation.Singular;
import io.fabric8.kubernetes.model.annotation.Version;

/**
 * Some of the backends of a ForwardingTable that has too many for one object. It never changes: its
 * name ends with a digest of what is in it, the ForwardingTable lists the names of those that
 * belong to it, and what has changed is in a slice of another name. So the slices that a
 * ForwardingTable lists are always those that it was written with. Written by the operator, owned
 * by the LoadBalancer.
 */
@Group("xdplb.io")
@Version("v1alpha1")
@Kind("ForwardingTableSlice")
@Plural("forwardingtableslices")
@Singular("forwardingtableslice")
@ShortNames("xfts")
@Categories("xdplb")
@AdditionalPrinterColumn(name = "Table", jsonPath = ".spec.table")
@AdditionalPrinterColumn(name = "Age", jsonPath = ".metadata.creationTimestamp", type = Type.DATE)
public class ForwardingTableSlice extends CustomResource<ForwardingTableSliceSpec, Void>
    implements Namespaced {}
