// SPDX-License-Identifier: Apache-2.0
package io.xdplb.cli;

import ch.qos.logback.classic.Level;
import ch.qos.logback.classic.Logger;
import io.xdplb.cli.observe.HttpAddress;
import io.xdplb.core.model.Ip;
import io.xdplb.datapath.DatapathException;
import io.xdplb.datapath.PortRange;
import io.xdplb.libbpf.LibbpfException;
import java.util.function.Function;
import org.slf4j.LoggerFactory;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;
import picocli.CommandLine.TypeConversionException;

/** The {@code xdplb} command. Exit codes: 0 success, 1 failure, 2 wrong arguments. */
@Command(
    name = "xdplb",
    description = "Layer-4 load balancing in XDP, for Kubernetes and without it.",
    mixinStandardHelpOptions = true,
    versionProvider = Version.class,
    subcommands = {
      OperatorCommand.class,
      AgentCommand.class,
      StandaloneCommand.class,
      StatusCommand.class,
      DetachCommand.class,
      UninstallCommand.class,
      ProbeCommand.class,
      VersionCommand.class,
      CommandLine.HelpCommand.class
    },
    exitCodeListHeading = "%nExit codes:%n",
    exitCodeList = {"0:success", "1:failure", "2:wrong arguments"})
public final class Main implements Runnable {

  private static final int FAILURE = 1;

  @picocli.CommandLine.Spec private CommandLine.Model.CommandSpec spec;

  private Main() {}

  /** Runs the command and ends the JVM with its exit code. */
  public static void main(String[] arguments) {
    System.exit(commandLine().execute(arguments));
  }

  /** The command, for tests. */
  static CommandLine commandLine() {
    return new CommandLine(new Main())
        .setCaseInsensitiveEnumValuesAllowed(true)
        .registerConverter(PortRange.class, converter(PortRange::parse))
        .registerConverter(Ip.class, converter(Ip::parse))
        .registerConverter(HttpAddress.class, converter(HttpAddress::parse))
        .setExecutionExceptionHandler(Main::failed);
  }

  @Option(
      names = "--log-level",
      paramLabel = "LEVEL",
      scope = ScopeType.INHERIT,
      description =
          "error, warn, info, debug or trace. Default: the environment's XDPLB_LOG_LEVEL, else"
              + " info.")
  private void logLevel(String level) {
    Level known = Level.toLevel(level, null);
    if (known == null) {
      throw new CommandLine.ParameterException(
          spec.commandLine(), "--log-level: \"" + level + "\" is no level");
    }
    ((Logger) LoggerFactory.getLogger(org.slf4j.Logger.ROOT_LOGGER_NAME)).setLevel(known);
  }

  @Override
  public void run() {
    throw new CommandLine.ParameterException(spec.commandLine(), "name what to do:");
  }

  private static int failed(
      Exception e, CommandLine commandLine, CommandLine.ParseResult parseResult) {
    boolean expected =
        e instanceof UserError || e instanceof DatapathException || e instanceof LibbpfException;
    commandLine
        .getErr()
        .println("xdplb " + commandLine.getCommandName() + ": " + (expected ? e.getMessage() : e));
    if (!expected) {
      e.printStackTrace(commandLine.getErr());
    }
    return FAILURE;
  }

  private static <T> ITypeConverter<T> converter(Function<String, T> parse) {
    return text -> {
      try {
        return parse.apply(text);
      } catch (IllegalArgumentException e) {
        throw new TypeConversionException(e.getMessage());
      }
    };
  }
}
