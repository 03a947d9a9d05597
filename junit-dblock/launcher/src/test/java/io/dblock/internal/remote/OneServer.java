// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

/** A program that starts a server process, which gets no device, and ends it. Without JUnit, to be run with few jars. */
final class OneServer {
    private OneServer() {}

    public static void main(String[] arguments) {
        ServerProcess.start(ServerProcess.jvm()).end();
        System.out.println("served");
    }
}
