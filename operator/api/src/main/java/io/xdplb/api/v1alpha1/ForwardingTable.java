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
 * The compiled desired state of one LoadBalancer: all that an agent needs and nothing more. Written
 * by the operator, owned by the LoadBalancer of the same name.
 */
@Group("xdplb.io")
@Version("v1alpha1")
@Kind("ForwardingTable")
@Plural("forwardingtables")
@Singular("forwardingtable")
@ShortNames("xft")
@Categories("xdplb")
@AdditionalPrinterColumn(name = "Hash", jsonPath = ".spec.tableHash")
@AdditionalPrinterColumn(name = "Age", jsonPath = ".metadata.creationTimestamp", type = Type.DATE)
public class ForwardingTable extends CustomResource<ForwardingTableSpec, Void>
    implements Namespaced {}
