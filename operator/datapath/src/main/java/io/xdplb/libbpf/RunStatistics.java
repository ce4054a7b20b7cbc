package io.xdplb.libbpf;

/**
 * While one of these is open anywhere, the kernel counts and times every run of every program
 * (kernel 5.8), which costs each some 20 to 40 ns.
 */
public final class RunStatistics implements AutoCloseable {
  private static final int BPF_STATS_RUN_TIME = 0;

  private final Fd fd;

  private RunStatistics(Fd fd) {
    this.fd = fd;
  }

  /**
   * Begins to count.
   *
   * @throws LibbpfException EPERM without CAP_SYS_ADMIN
   */
  public static RunStatistics enable() {
    int result = LibBpf.bpf_enable_stats(BPF_STATS_RUN_TIME);
    if (result < 0) {
      throw LibbpfException.of("enable", "run statistics", result);
    }
    return new RunStatistics(new Fd(result, "run statistics"));
  }

  @Override
  public void close() {
    fd.close();
  }
}
