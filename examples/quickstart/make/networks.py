"""The three networks of the quickstart."""
import torch
from torch import nn


def separable(inputs, outputs, stride):
    """Depthwise 3x3, then pointwise 1x1, each with BatchNorm and ReLU."""
    return nn.Sequential(
        nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False), nn.BatchNorm2d(inputs),
        nn.ReLU(), nn.Conv2d(inputs, outputs, 1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU())


class GlyphCnn(nn.Module):
    """Depthwise separable convolutions on [batch, 1, 28, 28]; logits [batch, 36]."""

    def __init__(self, width=48):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, width, 3, 1, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(),
            separable(width, 2 * width, 2), separable(2 * width, 2 * width, 1),
            separable(2 * width, 4 * width, 2), separable(4 * width, 4 * width, 1),
            nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classify = nn.Linear(4 * width, 36)

    def forward(self, x):
        return self.classify(self.features(x))


class GlyphMlp(nn.Module):
    """Plain feed-forward network on the same images."""

    def __init__(self, hidden=256):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(), nn.Linear(784, hidden), nn.ReLU(), nn.Dropout(0.1),
            nn.Linear(hidden, hidden), nn.ReLU(), nn.Dropout(0.1), nn.Linear(hidden, 36))

    def forward(self, x):
        return self.layers(x)


class Block(nn.Module):
    """One encoder layer, post-norm, written out so that it exports to plain operators."""

    def __init__(self, width, heads, hidden):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.out = (nn.Linear(width, width) for _ in range(4))
        self.up, self.down = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.drop = nn.Dropout(0.1)

    def forward(self, x, bias):
        def split(y):
            return y.reshape(y.shape[0], y.shape[1], self.heads, y.shape[2] // self.heads).transpose(1, 2)
        q, k, v = split(self.query(x)), split(self.key(x)), split(self.value(x))
        weights = torch.softmax(q @ k.transpose(2, 3) * (q.shape[3] ** -0.5) + bias, dim=3)
        x = self.norm1(x + self.drop(self.out((weights @ v).transpose(1, 2).flatten(2))))
        return self.norm2(x + self.drop(self.down(nn.functional.gelu(self.up(x)))))


class IntentTransformer(nn.Module):
    """input_ids and attention_mask int64 [batch, seq]; logits [batch, classes]; mean over the mask."""

    def __init__(self, words, classes, width=96, heads=4, hidden=384, layers=2, length=32):
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width, heads, hidden) for _ in range(layers))
        self.classify = nn.Linear(width, classes)

    def forward(self, input_ids, attention_mask):
        mask = attention_mask.to(torch.float32)
        places = torch.cumsum(torch.ones_like(input_ids), dim=1) - 1
        x = self.words(input_ids) + self.places(places)
        bias = (mask[:, None, None, :] - 1) * 10000
        for block in self.blocks:
            x = block(x, bias)
        pooled = (x * mask[:, :, None]).sum(1) / mask.sum(1, keepdim=True)
        return self.classify(pooled)
