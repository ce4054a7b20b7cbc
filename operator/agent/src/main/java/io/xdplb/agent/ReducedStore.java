// SPDX-License-Identifier: Apache-2.0
package io.xdplb.agent;

import io.fabric8.kubernetes.api.model.HasMetadata;
import io.fabric8.kubernetes.api.model.ObjectMeta;
import io.fabric8.kubernetes.client.informers.cache.ItemStore;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.UnaryOperator;
import java.util.stream.Stream;

/**
 * Keeps of each object what the informer needs to tell a change from a repetition. Those who hear
 * of the objects hold the rest in a smaller form.
 */
final class ReducedStore<T extends HasMetadata> implements ItemStore<T> {
  private final Map<String, T> items = new ConcurrentHashMap<>();
  private final UnaryOperator<T> reduced;

  /**
   * @param reduced makes an object with the {@link #identity} of another one
   */
  ReducedStore(UnaryOperator<T> reduced) {
    this.reduced = reduced;
  }

  /** What an object cannot do without. */
  static ObjectMeta identity(ObjectMeta all) {
    ObjectMeta identity = new ObjectMeta();
    identity.setNamespace(all.getNamespace());
    identity.setName(all.getName());
    identity.setUid(all.getUid());
    identity.setResourceVersion(all.getResourceVersion());
    return identity;
  }

  /** Why an informer failed, without the layers around. */
  static String rootMessage(Throwable failure) {
    Throwable root = failure;
    while (root.getCause() != null) {
      root = root.getCause();
    }
    return root.getMessage() == null ? root.toString() : root.getMessage();
  }

  @Override
  public String getKey(T object) {
    ObjectMeta metadata = object.getMetadata();
    return metadata.getNamespace() == null
        ? metadata.getName()
        : metadata.getNamespace() + "/" + metadata.getName();
  }

  @Override
  public T put(String key, T object) {
    return items.put(key, reduced.apply(object));
  }

  @Override
  public T remove(String key) {
    return items.remove(key);
  }

  @Override
  public Stream<String> keySet() {
    return items.keySet().stream();
  }

  @Override
  public Stream<T> values() {
    return items.values().stream();
  }

  @Override
  public int size() {
    return items.size();
  }

  @Override
  public T get(String key) {
    return items.get(key);
  }

  @Override
  public boolean isFullState() {
    return false;
  }
}
