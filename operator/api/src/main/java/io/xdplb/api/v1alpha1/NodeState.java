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
 * What one node has attached and programmed: the evidence on which {@code Programmed} rests.
 * Written by the agent of the node of the same name.
 */
@Group("xdplb.io")
@Version("v1alpha1")
@Kind("NodeState")
@Plural("nodestates")
@Singular("nodestate")
@ShortNames("xns")
@Categories("xdplb")
@AdditionalPrinterColumn(name = "Tables", jsonPath = ".status.tables", type = Type.INTEGER)
@AdditionalPrinterColumn(name = "Version", jsonPath = ".status.agentVersion")
@AdditionalPrinterColumn(name = "Hash", jsonPath = ".status.rootHash", priority = 1)
@AdditionalPrinterColumn(name = "Age", jsonPath = ".metadata.creationTimestamp", type = Type.DATE)
public class NodeState extends CustomResource<Void, NodeStateStatus> {}
