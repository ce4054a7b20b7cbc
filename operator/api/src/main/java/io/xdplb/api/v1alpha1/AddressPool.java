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

/** Addresses that load balancers get, and who may have them. */
@Group("xdplb.io")
@Version("v1alpha1")
@Kind("AddressPool")
@Plural("addresspools")
@Singular("addresspool")
@ShortNames("xpool")
@Categories("xdplb")
@AdditionalPrinterColumn(name = "IPv4", jsonPath = ".status.ipv4.allocated", type = Type.INTEGER)
@AdditionalPrinterColumn(name = "IPv4-Of", jsonPath = ".status.ipv4.capacity", type = Type.INTEGER)
@AdditionalPrinterColumn(name = "IPv6", jsonPath = ".status.ipv6.allocated", type = Type.INTEGER)
@AdditionalPrinterColumn(
    name = "IPv6-Of",
    jsonPath = ".status.ipv6.capacity",
    type = Type.INTEGER,
    priority = 1)
@AdditionalPrinterColumn(name = "Auto", jsonPath = ".spec.autoAssign", type = Type.BOOLEAN)
@AdditionalPrinterColumn(name = "Priority", jsonPath = ".spec.priority", type = Type.INTEGER)
@AdditionalPrinterColumn(
    name = "Ready",
    jsonPath = ".status.conditions[?(@.type==\"Ready\")].status")
@AdditionalPrinterColumn(
    name = "Reason",
    jsonPath = ".status.conditions[?(@.type==\"Ready\")].reason",
    priority = 1)
@AdditionalPrinterColumn(name = "Age", jsonPath = ".metadata.creationTimestamp", type = Type.DATE)
public class AddressPool extends CustomResource<AddressPoolSpec, AddressPoolStatus> {}
