using k8s;
using k8s.Models;

namespace KubeRuntime.Controllers;

/// <summary>The last known states of deleted entities, kept until the controller has handled the deletion.</summary>
internal sealed class DeletedEntities<TEntity>
    where TEntity : class, IKubernetesObject<V1ObjectMeta>
{
    private readonly Lock _sync = new();
    private readonly Dictionary<NamespacedName, Queue<TEntity>> _gone = [];

    public void Add(TEntity entity)
    {
        lock (_sync)
        {
            if (!_gone.TryGetValue(entity.Key(), out var queue))
                _gone[entity.Key()] = queue = new(1);
            queue.Enqueue(entity);
        }
    }

    /// <summary>The oldest state of that key; it is kept until <see cref="Remove"/>.</summary>
    public TEntity? Peek(NamespacedName key)
    {
        lock (_sync)
            return _gone.TryGetValue(key, out var queue) ? queue.Peek() : null;
    }

    public void Remove(NamespacedName key)
    {
        lock (_sync)
        {
            if (_gone.TryGetValue(key, out var queue) && queue.TryDequeue(out _) && queue.Count == 0)
                _gone.Remove(key);
        }
    }
}
