// A PyTorch network with two inputs and a free length, for tests that export it.
#pragma once

#include <string>

namespace quantbench::testing {

inline const std::string kTextNetwork = R"(
import torch
from torch import nn

class Text(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(50, 24)
        self.encoder = nn.LSTM(24, 32, batch_first=True)
        self.head = nn.Linear(32, 4)

    def forward(self, input_ids, attention_mask):
        states, _ = self.encoder(self.table(input_ids))
        mask = attention_mask.unsqueeze(-1).to(states.dtype)
        return {"logits": self.head((states * mask).sum(1) / mask.sum(1))}

def text():
    ones = torch.ones(2, 16, dtype=torch.int64)
    return Text(), {"input_ids": ones, "attention_mask": ones}

)";

}  // namespace quantbench::testing
