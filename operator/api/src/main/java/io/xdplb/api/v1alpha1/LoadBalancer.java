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

/** A layer-4 load balancer: addresses, listeners, and the backends each listener forwards to. */
@Group("xdplb.io")
@Version("v1alpha1")
@Kind("LoadBalancer")
@Plural("loadbalancers")
@Singular("loadbalancer")
@ShortNames("xlb")
@Categories("xdplb")
@AdditionalPrinterColumn(name = "Addresses", jsonPath = ".status.addresses")
@AdditionalPrinterColumn(
    name = "Endpoints",
    jsonPath = ".status.readyEndpoints",
    type = Type.INTEGER)
@AdditionalPrinterColumn(name = "Nodes", jsonPath = ".status.programmedNodes", type = Type.INTEGER)
@AdditionalPrinterColumn(
    name = "Programmed",
    jsonPath = ".status.conditions[?(@.type==\"Programmed\")].status")
@AdditionalPrinterColumn(
    name = "Announced",
    jsonPath = ".status.conditions[?(@.type==\"Announced\")].status",
    priority = 1)
@AdditionalPrinterColumn(
    name = "Ready",
    jsonPath = ".status.conditions[?(@.type==\"Ready\")].status")
@AdditionalPrinterColumn(
    name = "Reason",
    jsonPath = ".status.conditions[?(@.type==\"Ready\")].reason",
    priority = 1)
@AdditionalPrinterColumn(
    name = "Desired",
    jsonPath = ".status.desiredNodes",
    type = Type.INTEGER,
    priority = 1)
@AdditionalPrinterColumn(name = "Age", jsonPath = ".metadata.creationTimestamp", type = Type.DATE)
public class LoadBalancer extends CustomResource<LoadBalancerSpec, LoadBalancerStatus>
    implements Namespaced {}
