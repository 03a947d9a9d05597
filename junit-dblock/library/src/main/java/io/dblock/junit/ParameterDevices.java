// SPDX-License-Identifier: Apache-2.0
package io.dblock.junit;

import java.lang.reflect.Method;
import java.lang.reflect.Parameter;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.extension.ExtensionContext.Namespace;
import org.junit.jupiter.api.extension.ParameterContext;
import org.junit.platform.commons.support.AnnotationSupport;

/**
 * The devices of the parameters of one context. JUnit asks for one parameter after the other. The devices of a method are
 * made side by side when it asks for the first, and wait here for their turn.
 */
final class ParameterDevices {
    private static final Namespace NAMESPACE = Namespace.create(ParameterDevices.class);

    private final Map<Parameter, DeviceLease> made = new HashMap<>();

    private ParameterDevices() {}

    static ParameterDevices of(ExtensionContext context) {
        return ContextStores.computeIfAbsent(
                context.getStore(NAMESPACE),
                context.getUniqueId(),
                key -> new ParameterDevices(),
                ParameterDevices.class);
    }

    /** Returns the device of this parameter, and makes it if that has not been done. Throws what {@link Devices#make} throws. */
    synchronized DeviceLease take(ParameterContext parameterContext, ExtensionContext context) {
        Parameter parameter = parameterContext.getParameter();
        DeviceLease waiting = made.remove(parameter);
        if (waiting != null) {
            return waiting;
        }
        List<Parameter> others = parameter.getDeclaringExecutable() instanceof Method method
                ? Arrays.stream(method.getParameters())
                        .skip(parameterContext.getIndex() + 1)
                        .filter(other -> AnnotationSupport.isAnnotated(other, DblockDevice.class))
                        .toList()
                : List.of(); // Of a constructor, only JUnit finds the annotations in all cases.
        List<Devices.Wanted> wanted = new ArrayList<>();
        wanted.add(DblockDeviceExtension.wanted(
                Declaration.ofParameter("@DblockDevice", parameter),
                parameter.getType(),
                parameterContext.findAnnotation(DblockDevice.class),
                parameterContext.findRepeatableAnnotations(DblockFault.class)));
        for (Parameter other : others) {
            wanted.add(DblockDeviceExtension.wanted(
                    Declaration.ofParameter("@DblockDevice", other),
                    other.getType(),
                    AnnotationSupport.findAnnotation(other, DblockDevice.class),
                    AnnotationSupport.findRepeatableAnnotations(other, DblockFault.class)));
        }
        List<DeviceLease> leases = Devices.make(wanted, context, Optional.empty());
        for (int i = 0; i < others.size(); i++) {
            made.put(others.get(i), leases.get(i + 1));
        }
        return leases.get(0);
    }
}
