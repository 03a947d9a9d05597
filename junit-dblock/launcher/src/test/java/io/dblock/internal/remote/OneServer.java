// SPDX-License-Identifier: Apache-2.0
package io.dblock.internal.remote;

/** A program that starts a server process without devices, and ends it. It does not use JUnit, so it needs few jars. */
final class OneServer {
    private OneServer() {}

    public static void main(String[] arguments) {
        ServerProcess.start(ServerProcess.jvm()).end();
        System.out.println("served");
    }
}
