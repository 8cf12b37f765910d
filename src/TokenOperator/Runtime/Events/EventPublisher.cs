using k8s;
using k8s.Models;

namespace TokenOperator.Runtime.Events;

/// <summary>Writes events (events.k8s.io/v1) in the background.</summary>
public sealed class EventPublisher
{
    /// <summary>Never blocks and never fails.</summary>
    /// <param name="regarding">The object that it is about.</param>
    /// <param name="type"><c>Normal</c> or <c>Warning</c>.</param>
    /// <param name="reason">Why, in one CamelCase word for machines.</param>
    /// <param name="action">What was done or tried, in one CamelCase word.</param>
    /// <param name="note">For humans; cut at 1 kB.</param>
    public void Publish(IKubernetesObject<V1ObjectMeta> regarding, string type, string reason, string action, string note) =>
        throw new NotImplementedException();
}
