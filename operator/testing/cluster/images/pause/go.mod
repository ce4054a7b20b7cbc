module xdplb.io/testing/pause

go 1.26
