// SPDX-License-Identifier: Apache-2.0
/** The command line, {@code java -jar junit-dblock-cli.jar}. Nothing here is API for other code. */
package io.dblock.cli;
