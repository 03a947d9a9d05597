// SPDX-License-Identifier: Apache-2.0
package io.dblock.testcontainers;

import com.github.dockerjava.api.command.CreateContainerCmd;
import com.github.dockerjava.api.model.HostConfig;
import java.lang.reflect.Method;
import java.lang.reflect.Proxy;
import java.util.List;

/** What a container is to be made with. */
final class FakeCommand {
    private final String image;
    private final HostConfig host = new HostConfig();
    String[] command;
    String[] environment;
    String user;

    FakeCommand(String image) {
        this.image = image;
    }

    CreateContainerCmd command() {
        return (CreateContainerCmd) Proxy.newProxyInstance(
                FakeCommand.class.getClassLoader(),
                new Class<?>[] {CreateContainerCmd.class},
                (proxy, method, arguments) -> invoke(proxy, method, arguments));
    }

    HostConfig host() {
        return host;
    }

    private Object invoke(Object proxy, Method method, Object[] arguments) {
        return switch (method.getName()) {
            case "getImage" -> image;
            case "getHostConfig" -> host;
            case "getUser" -> user;
            case "getCmd" -> command;
            case "getEnv" -> environment;
            case "withCmd" -> {
                command = texts(arguments[0]);
                yield proxy;
            }
            case "withEnv" -> {
                environment = texts(arguments[0]);
                yield proxy;
            }
            default -> throw new UnsupportedOperationException(method.getName());
        };
    }

    private static String[] texts(Object argument) {
        return argument instanceof List<?> list
                ? list.stream().map(String.class::cast).toArray(String[]::new)
                : (String[]) argument;
    }
}
