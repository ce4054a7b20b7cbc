module xdplb.io/testing/echo

go 1.26
