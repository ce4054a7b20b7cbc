# The commands of this project. `make demo` and `make test` do all their set-up; both need root.

MVN := mvn -B -ntp

BUILD_PACKAGES := clang llvm libbpf-dev linux-libc-dev make maven openjdk-17-jdk-headless
RUN_PACKAGES   := libbpf1 iproute2 ethtool procps util-linux curl nginx-light
TEST_PACKAGES  := gcc libc6-dev python3-venv bpftool nftables iputils-ping traceroute
CLUSTER_PACKAGES := docker.io debootstrap openssl python3
BENCH_PACKAGES := libnginx-mod-stream haproxy wrk

# make bench BENCH=speed ROUNDS=3: only some parts (agent, speed, packets, http), into another folder.
BENCH  :=
ROUNDS := 5

CLUSTER := operator/testing/cluster/cluster

.PHONY: help demo build test cluster cluster-down bench format clean

help:
	@echo "make demo    watch real connections being balanced in XDP, in network namespaces (root)"
	@echo "make test    prove it: unit, packet, end-to-end and API server tests (root)"
	@echo "make cluster       a Kubernetes cluster of three nodes in containers, built here (root); make cluster-down removes it"
	@echo "make bench   measure it against what else there is (root); a part of it: BENCH=speed ROUNDS=3"
	@echo "make build   compile and package, no tests"
	@echo "make format  format the sources"

demo:
	@.ci/setup $(BUILD_PACKAGES) $(RUN_PACKAGES)
	@$(MAKE) -s build
	@examples/demo.sh

build:
	@.ci/setup $(BUILD_PACKAGES)
	@$(MVN) -q package -DskipTests -Dspotless.check.skip

# The control plane is built from its modules once (about five minutes) and kept outside the checkout.
test:
	@.ci/setup $(BUILD_PACKAGES) $(RUN_PACKAGES) $(TEST_PACKAGES) $(BENCH_PACKAGES)
	@operator/testing/kubernetes/build.sh >/dev/null
	@rm -rf */target/surefire-reports operator/*/target/surefire-reports
	@status=0; $(MVN) verify --fail-at-end || status=$$?; .ci/summary && exit $$status

# Everything in it is built here, and kept outside the checkout: about eight minutes the first time.
cluster:
	@.ci/setup $(BUILD_PACKAGES) $(RUN_PACKAGES) $(TEST_PACKAGES) $(CLUSTER_PACKAGES)
	@$(CLUSTER) up

cluster-down:
	@$(CLUSTER) down

bench:
	@.ci/setup $(BUILD_PACKAGES) $(RUN_PACKAGES) $(TEST_PACKAGES) $(BENCH_PACKAGES)
	@operator/testing/kubernetes/build.sh >/dev/null
	@$(MAKE) -s build
	@java -jar operator/bench/target/xdplb-bench.jar --rounds $(ROUNDS) \
		$(if $(BENCH),--part $(BENCH) --out operator/bench/target/report,--out docs)

format:
	@$(MVN) -q spotless:apply

clean:
	@$(MVN) -q clean
