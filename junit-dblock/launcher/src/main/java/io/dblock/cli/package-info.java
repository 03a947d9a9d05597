// SPDX-License-Identifier: Apache-2.0
/**
 * The command line, {@code java -jar junit-dblock-cli.jar}. Nothing here is API. The package knows {@code vm} and the
 * library.
 */
package io.dblock.cli;
