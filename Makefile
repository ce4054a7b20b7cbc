# The commands of this project. `make demo` and `make test` do all their set-up; both need root.

MVN := mvn -B -ntp

BUILD_PACKAGES := clang llvm libbpf-dev linux-libc-dev make maven openjdk-17-jdk-headless
RUN_PACKAGES   := libbpf1 bird2 iproute2 ethtool procps util-linux curl nginx-light
TEST_PACKAGES  := gcc libc6-dev python3-venv bpftool nftables iputils-ping traceroute
IMAGE_PACKAGES := mmdebstrap llvm python3
CLUSTER_PACKAGES := docker.io mmdebstrap openssl python3
BENCH_PACKAGES := libnginx-mod-stream haproxy wrk

# make bench BENCH=speed ROUNDS=3: only some parts (agent, scale, speed, packets, http), into another folder;
# part failover, which is written to docs/failover.md whether alone or not, has no rounds.
BENCH  :=
ROUNDS := 5
COMMA  := ,
BENCH_FAILOVER := io.xdplb.announce.LanTest,io.xdplb.announce.RoutersTest
BENCH_PARTS := $(subst $(COMMA), ,$(BENCH))
BENCH_TOOL  := $(subst $(eval) ,$(COMMA),$(filter-out failover,$(BENCH_PARTS)))

# make image ARCH=arm64: for another architecture than this machine's.
ARCH := $(shell dpkg --print-architecture)

CLUSTER := operator/testing/cluster/cluster

.PHONY: help demo build image test e2e cluster cluster-down bench format clean

help:
	@echo "make demo    watch real connections being balanced in XDP, in network namespaces (root)"
	@echo "make test    prove it: unit, packet, end-to-end and API server tests (root)"
	@echo "make e2e     the part of it on a real Kubernetes cluster only (root)"
	@echo "make cluster bring that cluster up, for yourself (root); make cluster-down removes it"
	@echo "make bench   measure it against what else there is (root); a part of it: BENCH=speed ROUNDS=3"
	@echo "make build   compile and package, no tests"
	@echo "make image   the container image of operator and agent, as a file for docker load and ctr import (root)"
	@echo "make format  format the sources"

demo:
	@.ci/setup $(BUILD_PACKAGES) $(RUN_PACKAGES)
	@$(MAKE) -s build
	@examples/demo.sh

build:
	@.ci/setup $(BUILD_PACKAGES)
	@$(MVN) -q package -DskipTests -Dspotless.check.skip

image: build
	@.ci/setup $(IMAGE_PACKAGES)
	@operator/image/build.sh --arch $(ARCH)

# The cluster's parts and helm are built from their modules once (about nine minutes) and kept outside the checkout.
test: test-parts
	@rm -rf */target/surefire-reports operator/*/target/surefire-reports
	@status=0; $(MVN) verify --fail-at-end || status=$$?; .ci/summary && exit $$status

# Uses the cluster that `make cluster` has brought up, else one of its own.
e2e: test-parts
	@$(MAKE) -s build
	@$(MVN) test -pl operator/e2e -am -Dspotless.check.skip -Dtest='io.xdplb.e2e.cluster.*Test' -Dsurefire.failIfNoSpecifiedTests=false

.PHONY: test-parts
test-parts:
	@.ci/setup $(BUILD_PACKAGES) $(RUN_PACKAGES) $(TEST_PACKAGES) $(BENCH_PACKAGES) $(IMAGE_PACKAGES) $(CLUSTER_PACKAGES)
	@operator/testing/kubernetes/build.sh cluster >/dev/null
	@operator/testing/kubernetes/helm.sh >/dev/null
	@operator/image/base.sh $(ARCH) >/dev/null

# Everything in it is built here, and kept outside the checkout: about eight minutes the first time.
cluster:
	@.ci/setup $(BUILD_PACKAGES) $(RUN_PACKAGES) $(TEST_PACKAGES) $(CLUSTER_PACKAGES)
	@$(CLUSTER) up

cluster-down:
	@$(CLUSTER) down

bench:
	@.ci/setup $(BUILD_PACKAGES) $(RUN_PACKAGES) $(TEST_PACKAGES) $(BENCH_PACKAGES)
	@$(MAKE) -s build
	$(if $(BENCH_TOOL)$(if $(BENCH),,all),\
		@operator/testing/kubernetes/build.sh >/dev/null && java -jar operator/bench/target/xdplb-bench.jar --rounds $(ROUNDS) \
			$(if $(BENCH),--part $(BENCH_TOOL) --out operator/bench/target/report,--out docs))
	$(if $(filter failover,$(BENCH_PARTS))$(if $(BENCH),,all),\
		@$(MVN) -q test -pl operator/cli -am -Dspotless.check.skip -Dsurefire.failIfNoSpecifiedTests=false \
			-Dtest='$(BENCH_FAILOVER)' -Dxdplb.failover.write=true)

format:
	@$(MVN) -q spotless:apply

clean:
	@$(MVN) -q clean
